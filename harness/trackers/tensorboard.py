"""TensorBoard: event files under ``DIR/tensorboard``, a folder per run, and the report as text and images."""

from __future__ import annotations

import shutil
from pathlib import Path

import matplotlib.image
import numpy as np
from torch.utils.tensorboard import SummaryWriter

from harness.tables.columns import CURVES
from harness.tables.tables import Tables
from harness.trackers import Run, Tracker, logged_outcome, note_outcome, runs


class TensorBoard(Tracker):
    """Event files for TensorBoard."""

    name = "tensorboard"

    def log_runs(self, directory: Path, tables: Tables) -> None:
        """A run whose outcome is another one now is written anew: TensorBoard would show the earlier one as well."""
        for run in runs(tables):
            own = _folder(directory) / run.label
            if logged_outcome(own) == run.outcome:
                continue
            shutil.rmtree(own, ignore_errors=True)
            with SummaryWriter(str(own)) as writer:
                _log(writer, run)
            note_outcome(own, run)

    def log_report(self, directory: Path, tables: Tables) -> None:
        labels = {run.label for run in runs(tables)}
        for left in _folder(directory).iterdir():
            if left.name not in labels:
                shutil.rmtree(left, ignore_errors=True)
        with SummaryWriter(str(_folder(directory) / "report")) as writer:
            writer.add_text("report", (directory / "report.md").read_text("utf-8"))
            for path in sorted((directory / "figures").glob("*.png")):
                image = (255 * matplotlib.image.imread(path)[..., :3]).astype(np.uint8)
                writer.add_image(path.stem, image, dataformats="HWC")

    def command(self, directory: Path) -> str:
        return f"tensorboard --logdir {_folder(directory)}"


def _folder(directory: Path) -> Path:
    return directory / "tensorboard"


def _log(writer: SummaryWriter, run: Run) -> None:
    for row in run.curves.to_dict("records"):
        for key in CURVES:
            writer.add_scalar(key, row[key], row["step"])
    numbers = {f"outcome/{key}": float(value) for key, value in run.outcomes.items() if not isinstance(value, str)}
    texts = {key: value for key, value in run.outcomes.items() if isinstance(value, str)}
    writer.add_hparams({**run.settings, **texts}, numbers, run_name=".")


TRACKER = TensorBoard()
