"""The tables of one job: put in their place all at once, whatever is interrupted."""

from __future__ import annotations

import os
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol, TypeAlias

import pandas as pd

from harness.tables.storage import read_table, write_tables

Frames: TypeAlias = dict[str, pd.DataFrame]


class Run(Protocol):
    """What this module knows of a run."""

    @property
    def run_id(self) -> str: ...


def natural(name: str) -> tuple[int, str]:
    """A key that sorts the jobs' names by their numbers."""
    return (int(name), "") if name.isdecimal() else (1 << 62, name)


def job_folders(directory: Path) -> list[Path]:
    """The folders of the jobs of a results directory, in the order of the jobs' numbers."""
    jobs = directory / "jobs"
    names = sorted(os.listdir(jobs), key=natural) if jobs.is_dir() else []
    return [jobs / name for name in names]


def finished_jobs(directory: Path) -> list[Path]:
    """The folders with the tables of the finished jobs of a results directory, in the order of the jobs' numbers."""
    folders = [current(job / "tables") for job in job_folders(directory)]
    return [folder for folder in folders if (folder / "runs.parquet").exists()]


def current(folder: Path) -> Path:
    """Where the tables of a job stand: in ``folder``, or beside it while new ones are taking its place.

    New tables hold all runs of the old ones, and count as soon as they are complete: a reader finds the old ones or
    the new ones at any moment, also where the process that exchanges them is killed.
    """
    following = _following(folder)
    return following if (following / "runs.parquet").exists() else folder


def joined(pieces: Sequence[Frames]) -> Frames:
    """The tables of several packs as one set, in their order."""
    names = dict.fromkeys(name for piece in pieces for name in piece)
    frames = {name: [piece[name] for piece in pieces if name in piece] for name in names}
    # An empty table knows nothing of types.
    return {
        name: pd.concat([each for each in found if len(each)] or found[:1], ignore_index=True)
        for name, found in frames.items()
    }


def publish(folder: Path, tables: Frames, order: Sequence[Run]) -> None:
    """Put tables in their place, all at once; rows of other runs of this job that stand there already stay.

    A run that is finished there stays finished, too, where the new tables say that it has failed.

    Args:
        folder: ``jobs/<job>/tables``.
        order: all runs of the job, in the order of their rows.
    """
    tables["runs"]["job"] = folder.parent.name
    complete(folder)
    if (folder / "runs.parquet").exists():
        tables = _merged({path.stem: read_table(path) for path in folder.glob("*.parquet")}, tables, order)
    following = _following(folder)
    shutil.rmtree(following, ignore_errors=True)  # what a process that was killed had written of other tables
    try:
        write_tables(following, tables)
    except OSError:
        shutil.rmtree(following, ignore_errors=True)
        raise
    complete(folder)


def complete(folder: Path) -> None:
    """Finish what a process that was killed had begun: the exchange of a job's tables."""
    following = _following(folder)
    if not (following / "runs.parquet").exists():
        return  # not all of them were written
    shutil.rmtree(folder, ignore_errors=True)
    following.rename(folder)


def renamed(folder: Path, names: dict[str, str], added: dict[str, dict[str, Any]]) -> None:
    """Give runs of a job other names, and settings that they did not have; the tables are exchanged all at once.

    Args:
        folder: the job's tables, whole.
        names: of runs, old to new; those of other jobs change nothing here.
        added: by new name, the settings.
    """
    tables = {path.stem: read_table(path) for path in folder.glob("*.parquet")}
    if not tables["runs"].run_id.isin(names).any():
        return
    for frame in tables.values():
        frame["run_id"] = frame.run_id.map(lambda run_id: names.get(run_id, run_id))
    runs = tables["runs"]
    for key in sorted({key for each in added.values() for key in each}):
        values = runs.run_id.map({run_id: each.get(key) for run_id, each in added.items()})
        runs[key] = values if key not in runs else runs[key].where(values.isna(), values)
    following = _following(folder)
    shutil.rmtree(following, ignore_errors=True)
    write_tables(following, tables)
    complete(folder)


def _following(folder: Path) -> Path:
    return folder.with_name(f".{folder.name}.next")


def _merged(old: Frames, new: Frames, order: Sequence[Run]) -> Frames:
    place = {run.run_id: index for index, run in enumerate(order)}
    finished, lost = (
        runs.run_id[(runs.status == "failed") == failed] for runs, failed in ((old["runs"], False), (new["runs"], True))
    )
    again = set(finished) & set(lost)
    new = {name: frame[~frame.run_id.isin(again)] for name, frame in new.items()}
    kept = {name: frame[~frame.run_id.isin(new["runs"].run_id)] for name, frame in old.items()}
    both = joined([kept, new])
    return {
        name: frame.iloc[frame.run_id.map(place).argsort(kind="stable").to_numpy()].reset_index(drop=True)
        for name, frame in both.items()
    }
