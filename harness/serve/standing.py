"""How a sweep stands, by what it writes into its directory: its plan, its jobs' notes and tables, its provenance."""

from __future__ import annotations

import os
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Literal, TypeVar

from harness.sweeping.plan import FILE as PLAN
from harness.sweeping.progress import FILE as NOTE
from harness.sweeping.progress import Note, read_note
from harness.sweeping.provenance import FILE as PROVENANCE
from harness.sweeping.provenance import read_provenance
from harness.tables.columns import WITHOUT_OUTCOME
from harness.tables.jobs import current, job_folders
from harness.tables.storage import by_run

FRESH = 120.0
"""Seconds for which a note of a job is a sign of life: jobs write one every half second, but while they measure."""

DEEPEST = 4
"""Folders below the one that is looked at in which sweeps are looked for."""

MOST_FOLDERS = 5000
"""Most folders that are looked into for sweeps."""

State = Literal["running", "not finished", "finished"]
Value = TypeVar("Value")


@dataclass(frozen=True)
class JobStanding:
    """How far a job is that is at work."""

    name: str
    label: str
    note: Note


@dataclass(frozen=True)
class Standing:
    """How a sweep stands.

    Attributes:
        planned: runs that were asked for; 0 where there is no plan.
        done: runs with a result, those that failed included.
        share: of the work that is done, from 0 to 1.
        running: jobs at work, in the order of their numbers.
        seconds_left: roughly; None as long as nothing is known, and where nothing runs.
        warnings: what jobs at work have told besides.
    """

    directory: Path
    study: str
    started: str
    command: str
    state: State
    planned: int
    done: int
    statuses: Counter[str]
    share: float
    running: list[JobStanding]
    seconds_left: float | None
    warnings: list[str]

    @property
    def left(self) -> int:
        return max(self.planned - self.done, 0)


class Observer:
    """Looks at sweeps, and reads no file again that has not changed since: pages are asked for every other second."""

    def __init__(self) -> None:
        self._known: dict[Path, tuple[tuple[int, int], Any]] = {}

    def sweeps(self, folder: Path) -> list[Standing]:
        """The sweeps in a folder and in those below it, the latest first."""
        found = [self.standing(each) for each in _sweeps_below(folder)]
        return sorted(found, key=lambda each: each.started, reverse=True)

    def standing(self, directory: Path) -> Standing:
        """How the sweep in this directory stands."""
        known = self._read(directory / PROVENANCE, lambda path: read_provenance(path.parent)) or {}
        plan: dict[str, str] = self._read(directory / PLAN, _plan) or {}
        now, begun = time.time(), _seconds(str((known.get("resumed") or [known.get("started", "")])[-1]))
        folders = _jobs(directory)
        results, earlier = self._results(directory, folders, begun)
        alive = [job for job in folders if (mark := _mark(job / NOTE)) and now - mark[0] / 1e9 < FRESH]
        jobs = list(self._at_work(alive))
        in_jobs = Counter(plan.values())
        has_result = Counter(plan[run_id] for run_id in results if run_id in plan)
        to_do = {job.name: max(in_jobs[job.name] - has_result[job.name], 0) for job in jobs}
        over = sum(min(job.note.over, to_do[job.name]) for job in jobs)
        failed = sum(min(job.note.failed, to_do[job.name]) for job in jobs)
        planned = len(plan) or len(results)
        done = min(len(results) + over, planned)
        finished = len(results) + sum(job.note.share * to_do[job.name] for job in jobs)
        share = min(finished / planned, 1.0) if planned else 0.0
        running = bool(jobs or (alive and done < planned))  # between two jobs none is at work
        return Standing(
            directory, str(known.get("study") or directory.name), str(known.get("started", ""))[:16].replace("T", " "),
            str(known.get("command", "")), "running" if running else "not finished" if done < planned else "finished",
            planned, done, Counter(results.values()) + Counter(failed=failed), share, jobs,
            _left(share, earlier / planned if planned else 0.0, now - begun) if running and begun else None,
            list(dict.fromkeys(line for job in jobs for line in job.note.warnings)),
        )  # fmt: skip

    def _results(self, directory: Path, jobs: list[Path], begun: float) -> tuple[dict[str, str], int]:
        """The status of each run that has a result, and how many had one before this moment."""
        merged = directory / "tables" / "runs.parquet"
        paths = [current(job / "tables") / "runs.parquet" for job in jobs]
        written = {path: mark[0] for path in paths if (mark := _mark(path))}
        if (mark := _mark(merged)) and mark[0] >= max(written.values(), default=0):
            written = {merged: mark[0]}
        found: dict[str, str] = {}
        before = 0
        for path, when in written.items():
            statuses: dict[str, str] = self._read(path, _statuses) or {}
            before += len(statuses) if when < begun * 1e9 else 0
            found |= {run: status for run, status in statuses.items() if found.get(run, "failed") in WITHOUT_OUTCOME}
        return found, before

    def _at_work(self, jobs: list[Path]) -> Iterator[JobStanding]:
        """Those of these jobs that have not told their end."""
        for job in jobs:
            if (note := read_note(job)) and note.share < 1:
                yield JobStanding(job.name, self._read(job / ".hydra" / "overrides.yaml", _label) or "", note)

    def _read(self, path: Path, read: Callable[[Path], Value]) -> Value | None:
        """What a file holds; None where it is not there, or cannot be read (yet)."""
        mark = _mark(path)
        if mark is None:
            self._known.pop(path, None)
            return None
        if path not in self._known or self._known[path][0] != mark:
            try:
                self._known[path] = mark, read(path)
            except (OSError, ValueError, KeyError):  # pyarrow's errors are of these kinds
                self._known[path] = mark, None
        found: Value | None = self._known[path][1]
        return found


def is_sweep(folder: Path) -> bool:
    """Whether a folder is a results directory."""
    return any((folder / name).is_file() for name in (PLAN, PROVENANCE, "tables/runs.parquet"))


def _sweeps_below(folder: Path) -> Iterator[Path]:
    waiting, looked = [(folder, 0)], 0
    while waiting and looked < MOST_FOLDERS:
        place, depth = waiting.pop()
        looked += 1
        if is_sweep(place):
            yield place
        elif depth < DEEPEST:
            try:
                with os.scandir(place) as found:
                    below = [each.path for each in found if each.is_dir(follow_symlinks=False)]
            except OSError:
                continue
            waiting += [(Path(each), depth + 1) for each in below if not Path(each).name.startswith(".")]


def _jobs(directory: Path) -> list[Path]:
    try:
        return job_folders(directory)
    except OSError:
        return []


def _mark(path: Path) -> tuple[int, int] | None:
    """When a file was written, in nanoseconds, and its size."""
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size


def _plan(path: Path) -> dict[str, str]:
    """Runs, and the job of each."""
    return by_run(path, "job")


def _statuses(path: Path) -> dict[str, str]:
    """Runs, and how each has ended."""
    return by_run(path, "status")


def _label(path: Path) -> str:
    """What a job was composed from, as typed: ``cell=rnn seq_len=20``."""
    lines = [line.removeprefix("- ").strip("'\"") for line in path.read_text("utf-8").splitlines()]
    return " ".join(line for line in lines if line.startswith(("experiment=", "cell=", "seq_len=", "+study=")))


def _seconds(moment: str) -> float:
    """A moment in ISO format as seconds since 1970; 0 of what is none."""
    try:
        return datetime.fromisoformat(moment).timestamp()
    except ValueError:
        return 0.0


def _left(share: float, before: float, seconds: float) -> float | None:
    """How many seconds are left where as many have taken the work from one share to another."""
    return seconds * (1 - share) / (share - before) if share > before else None
