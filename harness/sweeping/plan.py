"""The plan of a sweep on disk, and what of it is done.

``DIR/plan.parquet`` has a row per run, in the order of the final tables: its ``run_id`` and the name of the job
in whose directory its tables stand, or will. It holds all that was ever asked for in DIR, by any command. A run is
done where a job's tables say what has come of it: of one that has failed they do not, nor of one that was pruned.
"""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
import pyarrow as pa

from harness.base.errors import UserError
from harness.base.language import gettext as _
from harness.sweeping.jobs import Job
from harness.tables.columns import WITHOUT_OUTCOME
from harness.tables.jobs import complete, finished_jobs
from harness.tables.storage import by_run, read_table, write_table

FILE = "plan.parquet"


@dataclass(frozen=True)
class Missing:
    """How much of a sweep is still to be done."""

    runs: int
    planned: int

    def __str__(self) -> str:
        """``36 of 108 runs are missing``, or nothing where none is."""
        return _("{count} of {all} runs are missing").format(count=self.runs, all=self.planned) if self.runs else ""


def missing(directory: Path) -> Missing | None:
    """What of a results directory's plan has no result yet; a run that failed has one. None without a plan."""
    plan = read_plan(directory)
    if plan is None:
        return None
    has_result = {run_id for statuses in _statuses(directory) for run_id in statuses}
    return Missing(sum(run_id not in has_result for run_id in plan), len(plan))


def done(directory: Path, pruned: bool = False) -> set[str]:
    """The runs that need not run again. Call it only while holding the directory: it completes what was begun.

    Args:
        pruned: count those that a search has pruned.
    """
    for job in directory.glob("jobs/*"):
        complete(job / "tables")
    again = {"failed"} if pruned else WITHOUT_OUTCOME
    return {run_id for statuses in _statuses(directory) for run_id, status in statuses.items() if status not in again}


def read_plan(directory: Path) -> dict[str, str] | None:
    """The plan: run_id to the name of its job, in order. None where there is none (or none that can be read)."""
    try:
        table = read_table(directory / FILE)
    except UserError:
        return None
    return dict(zip(table.run_id, table.job, strict=True))


def extend_plan(directory: Path, jobs: Sequence[Job]) -> None:
    """Add the runs of these jobs to the plan; those that it holds already are from now on in these jobs."""
    rows = read_plan(directory) or {}
    rows |= {run_id: job.name for job in jobs for run_id in job.ids}
    _write(directory, rows)


def rename_in_plan(directory: Path, names: dict[str, str]) -> None:
    """Give planned runs other names, old to new."""
    plan = read_plan(directory) or {}
    _write(directory, {names.get(run_id, run_id): job for run_id, job in plan.items()})


def forget_unasked(directory: Path, asked: set[str]) -> None:
    """Take out of the plan what no command asks for any more, unless it is done; failures of such runs are forgotten.

    A plugin that has lost an option, or has changed its default, would else leave runs that can never be done.

    Args:
        asked: by all commands of the sweep.
    """
    merged = _status(directory / "tables" / "runs.parquet")  # a job's tables may be damaged
    keep = asked | done(directory, pruned=True) | {run_id for run_id, status in merged.items() if status != "failed"}
    _write(directory, {run_id: job for run_id, job in (read_plan(directory) or {}).items() if run_id in keep})


def _write(directory: Path, plan: dict[str, str]) -> None:
    write_table(directory / FILE, pd.DataFrame({"run_id": list(plan), "job": list(plan.values())}, dtype="str"))


def assign_directories(directory: Path, jobs: Sequence[Job], finished: set[str]) -> list[Job]:
    """These jobs with the directories that they take when a sweep is resumed, and with what of them is to be done.

    A job that the directory knows keeps its name, so that an interrupted sweep ends as one that was not interrupted;
    so does one whose number is free again, because the runs that it stood for are divided into other jobs now. A job
    whose number stands for other runs there leaves out what is done elsewhere, and gets the name under which the rest
    was planned before, else a new one.
    """
    old = read_plan(directory) or {}
    known: dict[str, set[str]] = {}
    for run_id, name in old.items():
        known.setdefault(name, set()).add(run_id)
    asked = {run_id for job in jobs for run_id in job.ids}
    has_results = {folder.parent.name for folder in finished_jobs(directory)}
    free = {name for name, runs in known.items() if runs <= asked and name not in has_results}
    taken = ({path.name for path in directory.glob("jobs/*")} | set(known)) - free
    names = map(str, itertools.count(len(jobs)))
    planned = {frozenset(runs): name for name, runs in known.items()}
    found = []
    for job in jobs:
        if known.get(job.name) == set(job.ids):
            found.append(job)
        elif job.name not in taken:
            found.append(job)
            taken.add(job.name)
        else:
            left = [each for each in job.runs if each.run_id not in finished]
            before = planned.get(frozenset(each.run_id for each in left))
            name = before or next(each for each in names if each not in taken)
            taken.add(name)
            found.append(dataclasses.replace(job, runs=left, name=name))
    return [job.doing([each for each in job.runs if each.run_id not in finished]) for job in found if job.runs]


def forget_checkpoints(directory: Path, finished: set[str]) -> None:
    """Remove checkpoints that no job goes on from: their runs are done, or planned in other jobs."""
    from harness.training.checkpoint import CHECKPOINTS

    waiting = {job for run_id, job in (read_plan(directory) or {}).items() if run_id not in finished}
    for path in directory.glob(f"jobs/*/{CHECKPOINTS}"):
        if path.parent.name not in waiting:
            path.unlink(missing_ok=True)


def set_damaged_aside(directory: Path) -> list[str]:
    """Move tables that cannot be read out of the way, so that their runs are done again.

    Returns:
        A line for each job of which tables were damaged.

    Raises:
        UserError: tables are of another format: they are not damaged, only not for this version.
    """
    folders = list(dict.fromkeys(sorted(path.parent for path in directory.glob("jobs/*/tables/*.parquet"))))
    lines = []
    with ThreadPoolExecutor() as pool:
        for folder, problem in zip(folders, pool.map(_problem, folders), strict=True):
            if not problem:
                continue
            if "table format" in problem:
                raise UserError(problem)
            aside = folder.with_name("damaged")
            number = 1
            while aside.exists():
                number += 1
                aside = folder.with_name(f"damaged-{number}")
            folder.rename(aside)
            lines.append(f"{problem}; its runs are done again, the old tables are kept in {aside}")
    return lines


def _problem(folder: Path) -> str:
    """What is wrong with the tables of a job; nothing where all can be read to their end."""
    try:
        tables = {path.stem: read_table(path) for path in folder.glob("*.parquet")}
    except UserError as error:
        return str(error)
    return "" if "runs" in tables else f"{folder}: tables without a table of runs"


def _statuses(directory: Path) -> Iterator[dict[str, str]]:
    """For every job with tables, the status of each run."""
    paths = [folder / "runs.parquet" for folder in finished_jobs(directory)]
    with ThreadPoolExecutor() as pool:
        yield from pool.map(_status, paths)


def _status(path: Path) -> dict[str, str]:
    try:
        return by_run(path, "status")
    except (pa.ArrowException, OSError):
        return {}
