"""Progress over all jobs of a sweep: each job leaves a small file, one watcher reads them all.

It works alike for jobs in this process, in others, and on other machines that share the file system.
"""

from __future__ import annotations

import json
import sys
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn

from harness.tables import write_text

FILE = "progress.json"
WRITE_EVERY = 0.5
"""Seconds between two notes of a job."""
POLL_EVERY = 0.3
"""Seconds between two looks of the watcher."""
LINE_EVERY = 10.0
"""Seconds between two lines where the output is no terminal."""


class JobProgress:
    """What a job tells about itself while it runs."""

    def __init__(self, directory: Path, steps: int):
        self.path = directory / FILE
        self.steps = max(steps, 1)
        self._written = 0.0
        self.tick(0)

    def tick(self, step: int) -> None:
        """Note that ``step`` training steps are done."""
        if time.monotonic() - self._written >= WRITE_EVERY:
            self._note(min(step / self.steps, 0.99))

    def done(self) -> None:
        """Note that the job's tables are written."""
        self._note(1.0)

    def _note(self, share: float) -> None:
        self._written = time.monotonic()
        write_text(self.path, json.dumps({"share": share}))


@dataclass(frozen=True)
class Planned:
    """A job of a sweep: its directory, what it is, how many runs it holds, its share of the work."""

    directory: Path
    label: str
    runs: int
    work: float

    def share(self) -> float | None:
        """How much of the job is done, 0 to 1; None before it has started."""
        try:
            return float(json.loads((self.directory / FILE).read_text("utf-8"))["share"])
        except FileNotFoundError:
            return None


@dataclass(frozen=True)
class Standing:
    """How a sweep stands."""

    runs_done: int
    runs: int
    share: float
    running: list[str]
    seconds_left: float | None

    @classmethod
    def of(cls, jobs: Sequence[Planned], seconds: float) -> Standing:
        """The standing of these jobs, ``seconds`` after the start."""
        shares = [job.share() for job in jobs]
        total = sum(job.work for job in jobs)
        done = sum(job.work * (share or 0.0) for job, share in zip(jobs, shares, strict=True)) / total
        return cls(
            runs_done=sum(job.runs for job, share in zip(jobs, shares, strict=True) if share == 1.0),
            runs=sum(job.runs for job in jobs),
            share=done,
            running=[job.label for job, share in zip(jobs, shares, strict=True) if share not in (None, 1.0)],
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
    """Shows the progress of a sweep on stderr, as a context: a bar on a terminal, plain lines elsewhere."""

    def __init__(self, jobs: Sequence[Planned]):
        self.jobs = jobs
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="progress", daemon=True)

    def __enter__(self) -> Watch:
        self._thread.start()
        return self

    def __exit__(self, *exc: object) -> None:
        self._over.set()
        self._thread.join()

    def _watch(self) -> None:
        started = time.monotonic()
        show = self._show_bar if sys.stderr.isatty() else self._show_lines
        show(lambda: Standing.of(self.jobs, time.monotonic() - started))

    def _show_bar(self, standing: Callable[[], Standing]) -> None:
        columns = [BarColumn(), TextColumn("{task.percentage:3.0f} %"), TextColumn("{task.description}")]
        with Progress(*columns, console=Console(stderr=True)) as bar:
            task = bar.add_task("", total=1.0)
            while True:
                over = self._over.wait(POLL_EVERY)
                now = standing()
                bar.update(task, completed=now.share, description=now.words())
                if over:
                    return

    def _show_lines(self, standing: Callable[[], Standing]) -> None:
        while not self._over.wait(LINE_EVERY):
            print(standing().words(), file=sys.stderr, flush=True)
        print(standing().words(), file=sys.stderr, flush=True)
