"""TensorBoard: event files under ``DIR/tensorboard``, a folder per run, and the report as text and images."""

from __future__ import annotations

import shutil
from pathlib import Path

import matplotlib.image
import numpy as np
from torch.utils.tensorboard import SummaryWriter

from harness.tables.columns import CURVES
from harness.tables.tables import Tables
from harness.trackers import Run, Tracker, runs


class TensorBoard(Tracker):
    """Event files for TensorBoard."""

    name = "tensorboard"

    def log(self, directory: Path, tables: Tables) -> str:
        """Write the event files anew: TensorBoard would show those of an earlier logging as well."""
        folder = directory / "tensorboard"
        shutil.rmtree(folder, ignore_errors=True)
        for run in runs(tables):
            with SummaryWriter(str(folder / run.label)) as writer:
                _log(writer, run)
        with SummaryWriter(str(folder / "report")) as writer:
            writer.add_text("report", (directory / "report.md").read_text("utf-8"))
            for path in sorted((directory / "figures").glob("*.png")):
                image = (255 * matplotlib.image.imread(path)[..., :3]).astype(np.uint8)
                writer.add_image(path.stem, image, dataformats="HWC")
        return f"tensorboard --logdir {folder}"


def _log(writer: SummaryWriter, run: Run) -> None:
    for row in run.curves.to_dict("records"):
        for key in CURVES:
            writer.add_scalar(key, row[key], row["step"])
    numbers = {f"outcome/{key}": float(value) for key, value in run.outcomes.items() if not isinstance(value, str)}
    texts = {key: value for key, value in run.outcomes.items() if isinstance(value, str)}
    writer.add_hparams({**run.settings, **texts}, numbers, run_name=".")


TRACKER = TensorBoard()
