"""Progress over all jobs of a sweep: each job leaves a small file, one watcher reads them all.

It works alike for jobs in this process, in others, and on other machines that share the file system.
"""

from __future__ import annotations

import json
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn

from harness.base.files import write_text
from harness.settings.settings import Settings

FILE = "progress.json"
WRITE_EVERY = 0.5
"""Seconds between two notes of a job."""
POLL_EVERY = 0.3
"""Seconds between two looks of the watcher."""
LINE_EVERY = 10.0
"""Seconds between two lines where the output is no terminal."""


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
        self._note(0.0)

    def tick(self, step: int, runs: int) -> None:
        """Note that ``runs`` of them have done ``step`` training steps."""
        if time.monotonic() - self._written >= WRITE_EVERY:
            self._note(min((self.over + runs * min(step / self.steps, 1)) / self.runs, 0.99))

    def settled(self, runs: Sequence[Settings], frames: dict[str, pd.DataFrame]) -> None:
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
        note = {"share": share, "over": self.over, "failed": len(self.reasons), "reason": (self.reasons or [""])[0]}
        # On a disk that is full, the progress is the least that is lost.
        with suppress(OSError):
            write_text(self.path, json.dumps(note))


@dataclass(frozen=True)
class Note:
    """What a job has told last: its share that is done, runs that are over, runs that failed, the first's reason."""

    share: float
    over: int
    failed: int
    reason: str


@dataclass(frozen=True)
class Planned:
    """A job of a sweep: its directory, what it is, how many runs it has to do, its share of the work."""

    directory: Path
    label: str
    runs: int
    work: float

    def note(self) -> Note | None:
        """What the job told last; None before it has started."""
        try:
            return Note(**json.loads((self.directory / FILE).read_text("utf-8")))
        except (OSError, ValueError, TypeError):
            return None

    def forget(self) -> None:
        """Remove what an earlier attempt at the job has told."""
        (self.directory / FILE).unlink(missing_ok=True)


@dataclass(frozen=True)
class Standing:
    """How a sweep stands.

    Attributes:
        runs_done: runs that are over, those of earlier sittings included.
        share: of the work of this sitting that is done.
        running: labels of the jobs at work.
        seconds_left: None as long as nothing is known.
    """

    runs_done: int
    runs: int
    share: float
    running: list[str]
    seconds_left: float | None

    @classmethod
    def of(
        cls, jobs: Sequence[Planned], notes: Sequence[Note | None], seconds: float, done_before: int = 0
    ) -> Standing:
        """The standing of these jobs, ``seconds`` after the start of this sitting."""
        told = [(job, note) for job, note in zip(jobs, notes, strict=True) if note]
        total = sum(job.work for job in jobs)
        done = sum(job.work * note.share for job, note in told) / total
        return cls(
            runs_done=done_before + sum(note.over for _, note in told),
            runs=done_before + sum(job.runs for job in jobs),
            share=done,
            running=[job.label for job, note in told if note.share < 1],
            seconds_left=seconds * (1 - done) / done if done > 0 else None,
        )

    def words(self) -> str:
        """``12/108 runs, 1:05 left, lstm seq_len=40``."""
        running = ", ".join(self.running[:2]) + (f" and {len(self.running) - 2} more" if len(self.running) > 2 else "")
        return f"{self.runs_done}/{self.runs} runs, {clock(self.seconds_left)} left" + (
            f", {running}" if running else ""
        )


def clock(seconds: float | None) -> str:
    """Seconds as h:mm:ss or m:ss; a question mark where unknown."""
    if seconds is None:
        return "?"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


class Watch:
    """Shows the progress of a sweep on stderr, as a context: a bar on a terminal, plain lines elsewhere.

    What fails is said at once.

    Args:
        jobs: of this sitting.
        done_before: runs that earlier sittings have done.
    """

    def __init__(self, jobs: Sequence[Planned], done_before: int = 0):
        self.jobs = jobs
        self.done_before = done_before
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="progress", daemon=True)
        self._said: dict[Path, int] = {}
        self._last: dict[Path, Note] = {}

    def __enter__(self) -> Watch:
        self._thread.start()
        return self

    def __exit__(self, *exc: object) -> None:
        self._over.set()
        self._thread.join()

    def _watch(self) -> None:
        started = time.monotonic()
        show = self._show_bar if sys.stderr.isatty() else self._show_lines
        show(lambda: Standing.of(self.jobs, self._notes(), time.monotonic() - started, self.done_before))

    def _notes(self) -> list[Note | None]:
        """What every job told last. What a job tells at its end is not read again: there may be thousands."""
        for job in self.jobs:
            last = self._last.get(job.directory)
            if not (last and last.share == 1) and (note := job.note()):
                self._last[job.directory] = note
        return [self._last.get(job.directory) for job in self.jobs]

    def _failures(self) -> Iterator[str]:
        """A line for every job in which more runs have failed than was said."""
        for job, note in zip(self.jobs, self._notes(), strict=True):
            if note and note.failed > self._said.get(job.directory, 0):
                self._said[job.directory] = note.failed
                yield f"{job.label}: {note.failed} of {job.runs} runs failed: {note.reason} ({job.directory})"

    def _show_bar(self, standing: Callable[[], Standing]) -> None:
        columns = [BarColumn(), TextColumn("{task.percentage:3.0f} %"), TextColumn("{task.description}")]
        with Progress(*columns, console=Console(stderr=True)) as bar:
            task = bar.add_task("", total=1.0)
            while True:
                over = self._over.wait(POLL_EVERY)
                for line in self._failures():
                    bar.console.print(line, markup=False, highlight=False)
                now = standing()
                bar.update(task, completed=now.share, description=now.words())
                if over:
                    return

    def _show_lines(self, standing: Callable[[], Standing]) -> None:
        shown = time.monotonic()
        while True:
            over = self._over.wait(POLL_EVERY)
            for line in self._failures():
                print(line, file=sys.stderr, flush=True)
            if over or time.monotonic() - shown >= LINE_EVERY:
                print(standing().words(), file=sys.stderr, flush=True)
                shown = time.monotonic()
            if over:
                return
