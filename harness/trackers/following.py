"""Logging while a sweep runs: a process of its own gives each job's runs to the tracker as soon as the job is done.

It looks at the tables that finished jobs leave in the results directory, so that it works alike for jobs in this
process, in others, and on other machines that share the file system. It is a process of its own for the sake of the one
that sweeps, a notebook's kernel it may be: trackers come with threads, hooks and variables of the environment, and a
server that is not there keeps nobody waiting.
"""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from contextlib import suppress
from pathlib import Path
from queue import Empty, Queue
from typing import TYPE_CHECKING

from harness.tables.jobs import finished_jobs
from harness.trackers import Tracker, check_tracker, not_logged, track, tracker

if TYPE_CHECKING:
    from harness.tables.tables import Tables

LOOK_EVERY = 2.0
"""Seconds between two looks at the jobs."""

THE_END = "report"
"""What the process is told when the report is there. Where it hears the end of its input instead, its sweep is gone."""


class Following:
    """The process that logs a sweep, as a context.

    Args:
        name: of a tracker; for ``none`` there is no process.
        directory: of the sweep.
    """

    def __init__(self, name: str, directory: Path):
        check_tracker(name)
        self.name, self.directory = name, directory
        self._process: subprocess.Popen[str] | None = None

    def __enter__(self) -> Following:
        if self.name != "none":
            self._process = subprocess.Popen(
                [sys.executable, "-m", __name__, self.name, str(self.directory)],
                env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                text=True,
                start_new_session=True,  # Ctrl-C is for the sweep
            )
        return self

    def __exit__(self, *exc: object) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.communicate()

    def finish(self) -> None:
        """Log the report and what is not logged yet, and say how to look at it, or why not."""
        if self._process is None:
            return
        said, _ = self._process.communicate(THE_END)
        line = said.strip() or not_logged(self.name, self.directory, f"exit code {self._process.returncode}")
        print(line, file=sys.stderr)
        self._process = None


def follow(chosen: Tracker, directory: Path, word: Queue[str]) -> str:
    """Log jobs as they are done, until there is a word.

    Returns:
        The word.
    """
    logged: dict[Path, int] = {}
    while True:
        with suppress(Exception):  # they are tried again, at the end at the latest, when it is said, too
            _log_news(chosen, directory, logged)
        with suppress(Empty):
            return word.get(timeout=LOOK_EVERY)


def _log_news(chosen: Tracker, directory: Path, logged: dict[Path, int]) -> None:
    """Log the jobs whose tables are new, and note when these were written."""
    found = {folder: (folder / "runs.parquet").stat().st_mtime_ns for folder in finished_jobs(directory)}
    news = {folder: written for folder, written in found.items() if logged.get(folder) != written}
    if news:
        chosen.log_runs(directory, _tables(list(news)))
        logged.update(news)


def _tables(folders: list[Path]) -> Tables:
    """What of the tables of some jobs is logged."""
    from harness.tables.jobs import joined
    from harness.tables.storage import read_table
    from harness.tables.tables import Tables

    return Tables(
        joined([{name: read_table(each / f"{name}.parquet") for name in ("runs", "curves")} for each in folders])
    )


def main(name: str, directory: Path) -> None:
    """The process: logs jobs, and at the end all, and prints the line about it."""
    from harness.tables.gather import load

    out = os.dup(1)
    os.dup2(2, 1)  # what libraries print is not what the sweep waits for
    word: Queue[str] = Queue()
    threading.Thread(target=lambda: word.put(sys.stdin.read()), daemon=True).start()
    chosen = tracker(name)
    if follow(chosen, directory, word) == THE_END:
        os.write(out, track(chosen, directory, load(directory)).encode())


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
