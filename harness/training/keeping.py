"""Keeping the weights of runs: as they are at the end, and as they were where the held-out loss was lowest."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from safetensors.torch import save_file
from torch import Tensor

from harness.base.files import write_atomically
from harness.engine.network import Network
from harness.engine.weights import views
from harness.settings.settings import Settings

FOLDER = "weights"
"""The folder of a job that holds them."""

LAST, BEST = "last", "best"
"""As they are at the end of a run, and at the evaluation with the lowest held-out loss."""


def file_of(folder: Path, run_id: str, which: str) -> Path:
    """The file of a run's weights in a job's folder."""
    return folder / FOLDER / (f"{run_id}.safetensors" if which == LAST else f"{run_id}.{which}.safetensors")


@dataclass
class Kept:
    """The weights of one run at one evaluation, (P,)."""

    step: int
    loss: float
    row: Tensor


class Keeper:
    """Keeps the weights of the runs of a pack.

    Args:
        folder: the job's.
        runs: all of the pack.
        best: whether to keep those with the lowest loss as well.
    """

    def __init__(self, folder: Path, runs: Sequence[Settings], best: bool):
        self.folder, self.runs = folder, runs
        self.kept: dict[str, dict[int, Kept]] = {which: {} for which in ([LAST, BEST] if best else [LAST])}

    @property
    def state(self) -> dict[str, Any]:
        """What `restore` needs."""
        return self.kept

    def restore(self, state: dict[str, Any]) -> None:
        """Go on from a `state`: of an interrupted job that may have kept less, or more."""
        self.kept = {which: state.get(which, {}) for which in self.kept}

    def evaluated(self, network: Network, members: dict[int, int], step: int, losses: Sequence[float]) -> None:
        """Take the weights at an evaluation.

        Args:
            members: by a row of the network the run that it is, for runs that go on until here.
            losses: held-out, of every row.
        """
        for row, run in members.items():
            for which, kept in self.kept.items():
                if which == LAST or run not in kept or losses[row] < kept[run].loss or math.isnan(kept[run].loss):
                    kept[run] = Kept(step, losses[row], network.flat[row].clone())

    def write(self, network: Network) -> None:
        """Write the files.

        Raises:
            OSError: the disk takes no more.
        """
        for which, kept in self.kept.items():
            for run, own in kept.items():
                self._write(file_of(self.folder, self.runs[run].run_id, which), self.runs[run], network, own)

    def _write(self, path: Path, run: Settings, network: Network, own: Kept) -> None:
        named = {name: value[0].contiguous().cpu() for name, value in views(network.shape, own.row[None]).items()}
        about = {
            "format": "pt",
            "run_id": run.run_id,
            "settings": json.dumps(run.configuration()),
            "step": str(own.step),
            "loss": repr(own.loss),
        }
        write_atomically(path, lambda temporary: save_file(named, temporary, about))
