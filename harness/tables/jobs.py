"""The tables of one job: put in their place all at once, whatever is interrupted."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol, TypeAlias

import pandas as pd

from harness.tables.storage import read_table, write_tables

Frames: TypeAlias = dict[str, pd.DataFrame]


class Run(Protocol):
    """What this module knows of a run."""

    @property
    def run_id(self) -> str: ...


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

    Args:
        folder: ``jobs/<job>/tables``.
        order: all runs of the job, in the order of their rows.
    """
    tables["runs"]["job"] = folder.parent.name
    complete(folder)
    if (folder / "runs.parquet").exists():
        tables = _merged({path.stem: read_table(path) for path in folder.glob("*.parquet")}, tables, order)
    following = _following(folder)
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


def _following(folder: Path) -> Path:
    return folder.with_name(f".{folder.name}.next")


def _merged(old: Frames, new: Frames, order: Sequence[Run]) -> Frames:
    place = {run.run_id: index for index, run in enumerate(order)}
    kept = {name: frame[~frame.run_id.isin(new["runs"].run_id)] for name, frame in old.items()}
    both = joined([kept, new])
    return {
        name: frame.iloc[frame.run_id.map(place).argsort(kind="stable").to_numpy()].reset_index(drop=True)
        for name, frame in both.items()
    }
