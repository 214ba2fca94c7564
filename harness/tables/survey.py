"""What is known of all jobs before their large tables are read: their runs, and the columns of all tables."""

from __future__ import annotations

import os
from collections.abc import Callable, Container, Iterable, Iterator, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from harness.base.errors import UserError
from harness.tables.columns import COLUMNS, RUN_OUTCOMES
from harness.tables.schemas import joined, union
from harness.tables.storage import opened

ROWS_AT_ONCE = 1 << 18
"""Rows of a row group of the merged tables: some 20 MB of gradients."""

PIECES_AT_ONCE = 512
"""Small tables are joined at least every so many pieces: thousands of them take more memory than what they hold."""

Result = TypeVar("Result")

Heads = dict[str, tuple[pa.Schema, int]]
"""For each of a job's tables beside ``runs`` its schema and its number of row groups."""


@dataclass
class Job:
    """What is known of a job before its large tables are read.

    Attributes:
        groups: how many row groups each of its tables has, beside ``runs``.
        wanted: the runs whose rows are taken from it; None: all of its runs.
    """

    folder: Path
    groups: dict[str, int]
    wanted: pa.Array | None = None


@dataclass(frozen=True)
class Survey:
    """What is known of all jobs before their large tables are read.

    Attributes:
        runs: the runs of all jobs.
        wanted: which of them are taken, (runs,).
        schemas: of the merged tables beside ``runs``.
    """

    jobs: list[Job]
    runs: pa.Table
    wanted: NDArray[np.bool_]
    schemas: dict[str, pa.Schema]


def survey(
    pool: Executor,
    folders: Sequence[Path],
    kept: Path | None,
    planned: Container[str] | None,
    damaged: dict[Path, str],
) -> Survey | None:
    """Read the runs of all jobs and the heads of their other tables; None where one is damaged."""
    jobs: list[Job] = []
    sizes: list[int] = []
    # Most jobs have the same columns: every kind of them is kept once.
    schemas: dict[str, dict[bytes, pa.Schema]] = {}

    def take(folder: Path, table: pa.Table, heads: Heads) -> None:
        for name, (schema, _) in heads.items():
            schemas.setdefault(name, {}).setdefault(schema.serialize().to_pybytes(), schema)
        jobs.append(Job(folder, {name: groups for name, (_, groups) in heads.items()}))
        sizes.append(len(table))

    def runs() -> Iterator[pa.Table]:
        for folder, found in zip(folders, pool.map(or_error(look), folders), strict=True):
            if isinstance(found, UserError):
                damaged[folder] = str(found)
                continue
            table, heads = found
            take(folder, table, heads)
            yield table

    read = list(blocks(runs()))
    if damaged:
        return None  # they are all read once more, without what is damaged
    if kept:
        merged, heads = look(kept)
        if len(table := _finished_elsewhere(merged, read, planned)):
            take(kept, table, heads)
            read.append(table)
    if not jobs:
        return None
    table = _in_order(joined(read))
    wanted = first_of_each(table)
    if planned is not None:
        stale = pc.invert(_has_finished(table)).to_numpy(zero_copy_only=False)
        wanted &= ~(stale & ~_among(table, planned))
    starts = np.cumsum([0, *sizes])
    for job, start, size in zip(jobs, starts, sizes, strict=False):
        own = wanted[start : start + size]
        if job.folder == kept or not own.all():
            job.wanted = table["run_id"].slice(start, size).filter(pa.array(own)).combine_chunks()
    return Survey(jobs, table, wanted, {name: union(found.values()) for name, found in schemas.items()})


def _among(runs: pa.Table, planned: Container[str]) -> NDArray[np.bool_]:
    return np.array([run_id in planned for run_id in runs["run_id"].to_pylist()], dtype=bool)


def _finished_elsewhere(merged: pa.Table, read: Sequence[pa.Table], planned: Container[str] | None) -> pa.Table:
    """The rows of a merged table of planned runs that are finished, and that the jobs do not have as finished."""
    ids = {each for block in read for each in block.filter(_has_finished(block))["run_id"].to_pylist()}
    table = merged.filter(_has_finished(merged))
    if planned is not None:
        table = table.filter(pa.array(_among(table, planned)))
    return table.filter(pc.invert(pc.is_in(table["run_id"], pa.array(sorted(ids), pa.string()))))


def _has_finished(runs: pa.Table) -> pa.ChunkedArray:
    return pc.not_equal(runs["status"], "failed") if "status" in runs.column_names else pc.is_valid(runs["run_id"])


def look(folder: Path) -> tuple[pa.Table, Heads]:
    """The runs of a job, and the schema and number of row groups of each of its other tables."""
    with opened(folder / "runs.parquet") as file:
        runs = file.read(use_threads=False)
    heads = {}
    for entry in sorted(os.listdir(folder)):
        name, ending = os.path.splitext(entry)
        if ending == ".parquet" and name != "runs":
            with opened(folder / entry) as file:
                heads[name] = file.schema_arrow, file.num_row_groups
    return runs, heads


def _in_order(runs: pa.Table) -> pa.Table:
    """The table of runs with its columns in the order of every other: settings stand before outcomes."""
    first = [name for name in COLUMNS["runs"] if name in runs.column_names and name not in RUN_OUTCOMES]
    last = [name for name in RUN_OUTCOMES if name in runs.column_names]
    settings = [name for name in runs.column_names if name not in (*first, *last)]
    return runs.select([*first, *settings, *last])


def first_of_each(runs: pa.Table) -> NDArray[np.bool_]:
    """Whether a row is the one to keep of its run: the first that has an outcome, else was pruned, else the first."""
    ids = runs["run_id"].to_pandas()
    known = runs["status"].to_pandas() if "status" in runs.column_names else ids.map(lambda run_id: "ok")
    order = np.argsort(known.map({"pruned": 1, "failed": 2}).fillna(0), kind="stable")
    wanted = np.empty(len(ids), dtype=bool)
    wanted[order] = ~ids.iloc[order].duplicated()
    return wanted


def blocks(pieces: Iterable[pa.Table]) -> Iterator[pa.Table]:
    """Pieces joined into blocks of `ROWS_AT_ONCE` rows (or a few more); at least one block if there is a piece."""
    waiting: list[pa.Table] = []
    for piece in pieces:
        waiting.append(piece)
        if len(waiting) == PIECES_AT_ONCE:
            waiting = [joined(waiting)]
        if sum(map(len, waiting)) >= ROWS_AT_ONCE:
            yield joined(waiting)
            waiting = []
    if waiting:
        yield joined(waiting)


def or_error(work: Callable[..., Result]) -> Callable[..., Result | UserError]:
    """The function, returning a `UserError` instead of raising it: one damaged file must not stop the others."""

    def wrapped(*arguments: object) -> Result | UserError:
        try:
            return work(*arguments)
        except UserError as error:
            return error

    return wrapped
