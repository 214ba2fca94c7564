"""Progress over all jobs of a sweep, on a terminal or in a notebook: a watcher reads what each job tells of itself."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn

from harness.sweeping.jobs import Job
from harness.sweeping.progress import Note, read_note

POLL_EVERY = 0.3
"""Seconds between two looks of the watcher."""
LINE_EVERY = 10.0
"""Seconds between two lines where the output is no terminal."""
BAR = 25
"""Characters of a notebook's bar."""


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
    def of(cls, jobs: Sequence[Job], notes: Sequence[Note | None], seconds: float, done_before: int = 0) -> Standing:
        """The standing of these jobs, ``seconds`` after the start of this sitting."""
        told = [(job, note) for job, note in zip(jobs, notes, strict=True) if note]
        total = sum(job.work for job in jobs)
        done = sum(job.work * note.share for job, note in told) / total
        return cls(
            runs_done=done_before + sum(note.over for _, note in told),
            runs=done_before + sum(len(job.todo) for job in jobs),
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


def in_notebook() -> bool:
    """Whether this process is a notebook's kernel."""
    shell = getattr(sys.modules.get("IPython"), "get_ipython", lambda: None)()
    return type(shell).__name__ == "ZMQInteractiveShell"


def new_warnings(note: Note | None, said: set[str]) -> Iterator[str]:
    """The lines for what a job warns of, but for those that were ``said``; they count as said from now on."""
    for warning in note.warnings if note else []:
        if warning not in said:
            said.add(warning)
            yield f"harness: {warning}"


def clock(seconds: float | None) -> str:
    """Seconds as h:mm:ss or m:ss; a question mark where unknown."""
    if seconds is None:
        return "?"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


class Watch:
    """Shows the progress of a sweep, as a context: a bar on a terminal or below a notebook's cell, else plain lines.

    Failures are shown at once, and each warning of a job, the first time that a job tells it.

    Args:
        directory: of the sweep.
        jobs: of this sitting.
        done_before: runs that earlier sittings have done.
    """

    def __init__(self, directory: Path, jobs: Sequence[Job], done_before: int = 0):
        self.jobs = {job.folder(directory): job for job in jobs}
        self.done_before = done_before
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="progress", daemon=True)
        self._said: dict[Path, int] = {}
        self._warned: set[str] = set()
        self._last: dict[Path, Note] = {}

    def __enter__(self) -> Watch:
        self._thread.start()
        return self

    def __exit__(self, *exc: object) -> None:
        self._over.set()
        self._thread.join()

    def _watch(self) -> None:
        started = time.monotonic()
        show = self._show_bar if sys.stderr.isatty() else self._show_below if in_notebook() else self._show_lines
        show(lambda: Standing.of(list(self.jobs.values()), self._notes(), time.monotonic() - started, self.done_before))

    def _notes(self) -> list[Note | None]:
        """What every job told last. What a job tells at its end is not read again: there may be thousands."""
        for folder in self.jobs:
            last = self._last.get(folder)
            if not (last and last.share == 1) and (note := read_note(folder)):
                self._last[folder] = note
        return [self._last.get(folder) for folder in self.jobs]

    def _news(self) -> Iterator[str]:
        """A line for every warning that was not said yet, and for every job in which more runs have failed."""
        for (folder, job), note in zip(self.jobs.items(), self._notes(), strict=True):
            yield from new_warnings(note, self._warned)
            if note and note.failed > self._said.get(folder, 0):
                self._said[folder] = note.failed
                yield f"{job.label}: {note.failed} of {len(job.todo)} runs failed: {note.reason} ({folder})"

    def _show_bar(self, standing: Callable[[], Standing]) -> None:
        columns = [BarColumn(), TextColumn("{task.percentage:3.0f} %"), TextColumn("{task.description}")]
        with Progress(*columns, console=Console(stderr=True)) as bar:
            task = bar.add_task("", total=1.0)
            while True:
                over = self._over.wait(POLL_EVERY)
                for line in self._news():
                    bar.console.print(line, markup=False, highlight=False)
                now = standing()
                bar.update(task, completed=now.share, description=now.words())
                if over:
                    return

    def _show_below(self, standing: Callable[[], Standing]) -> None:
        """One output of the cell, which is exchanged: written over and over, a long sweep would fill the file."""
        from IPython.display import display

        started, shown, place = time.monotonic(), "", None
        while True:
            over = self._over.wait(POLL_EVERY)
            for line in self._news():
                print(line, file=sys.stderr, flush=True)
            now = standing()
            took = f"{now.runs_done}/{now.runs} runs, took {clock(time.monotonic() - started)}"
            text = f"{'━' * round(BAR * now.share):─<{BAR}} {took if over else now.words()}"
            if place is None:
                place = display({"text/plain": text}, raw=True, display_id=True)
            elif text != shown:
                place.update({"text/plain": text}, raw=True)
            shown = text
            if over:
                return

    def _show_lines(self, standing: Callable[[], Standing]) -> None:
        shown = time.monotonic()
        while True:
            over = self._over.wait(POLL_EVERY)
            for line in self._news():
                print(line, file=sys.stderr, flush=True)
            if over or time.monotonic() - shown >= LINE_EVERY:
                print(standing().words(), file=sys.stderr, flush=True)
                shown = time.monotonic()
            if over:
                return
