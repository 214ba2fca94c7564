"""How far a job is, in a small file in its directory that others read (`harness.sweeping.watch`).

It works alike for jobs in this process, in others, and on other machines that share the file system.
"""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path

import pandas as pd

from harness.base.files import write_text
from harness.settings.settings import Settings

FILE = "progress.json"
WRITE_EVERY = 0.5
"""Seconds between two notes of a job."""


class JobProgress:
    """What a job tells about itself while it runs: how far its runs are, and which have failed.

    Args:
        directory: the job's.
        runs: how many runs it has to do.
        steps: training steps of each.
    """

    def __init__(self, directory: Path, runs: int, steps: int):
        self.path = directory / FILE
        self.runs, self.steps = runs, max(steps, 1)
        self.over = 0
        self.reasons: list[str] = []
        self.warnings: list[str] = []
        self._note(0.0)

    def tick(self, step: int, runs: int) -> None:
        """Note that ``runs`` of them have done ``step`` training steps."""
        if time.monotonic() - self._written >= WRITE_EVERY:
            self._note(min((self.over + runs * min(step / self.steps, 1)) / self.runs, 0.99))

    def runs_over(self, runs: Sequence[Settings], frames: dict[str, pd.DataFrame]) -> None:
        """Note that these runs are over, one way or the other."""
        self.over += len(runs)
        table = frames["runs"]
        self.reasons += table[table.status == "failed"].reason.tolist()
        self._note(min(self.over / self.runs, 0.99))

    def done(self) -> None:
        """Note that the job's tables are written."""
        self._note(1.0)

    def _note(self, share: float) -> None:
        self._written = time.monotonic()
        reason = (self.reasons or [""])[0]
        note = Note(share, self.over, len(self.reasons), reason, self.warnings)
        # On a disk that is full, the progress is the least that is lost.
        with suppress(OSError):
            write_text(self.path, json.dumps(asdict(note)))


class Warnings(logging.Handler):
    """Adds what is logged as a warning to what a job tells, as a context."""

    def __init__(self, progress: JobProgress):
        super().__init__(logging.WARNING)
        self.progress = progress

    def __enter__(self) -> None:
        logging.getLogger("harness").addHandler(self)

    def __exit__(self, *exc: object) -> None:
        logging.getLogger("harness").removeHandler(self)

    def emit(self, record: logging.LogRecord) -> None:
        """See `logging.Handler.emit`; errors are told as failures of runs."""
        if record.levelno == logging.WARNING:
            self.progress.warnings.append(record.getMessage())


@dataclass(frozen=True)
class Note:
    """What a job has told last: its share that is done, runs that are over, runs that failed, the first's reason.

    Attributes:
        warnings: what concerns the user besides: kernels that cannot be compiled, a checkpoint that cannot be saved.
    """

    share: float
    over: int
    failed: int
    reason: str
    warnings: list[str] = field(default_factory=list)


def read_note(folder: Path) -> Note | None:
    """What the job in this directory told last; None before it has started."""
    try:
        return Note(**json.loads((folder / FILE).read_text("utf-8")))
    except (OSError, ValueError, TypeError):
        return None


def forget(folder: Path) -> None:
    """Remove what an earlier attempt at the job in this directory has told."""
    (folder / FILE).unlink(missing_ok=True)
