"""Gathering: from the tables of many jobs to one set of tables, in bounded memory.

The runs of all jobs are held at once, a row each. The other tables stream: a piece of a job is read, brought into
the columns of all jobs, and written, while the next pieces are being read.
"""

from __future__ import annotations

import os
import tempfile
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as ds
import pyarrow.parquet as pq
from numpy.typing import NDArray

from harness.base.errors import UserError
from harness.tables.columns import COLUMNS, RUN_OUTCOMES
from harness.tables.schemas import as_frame, joined, of_schema, union
from harness.tables.storage import encoding, opened
from harness.tables.tables import Tables
from harness.tables.varied import variants

ROWS_AT_ONCE = 1 << 20
"""Rows of a row group of the merged tables: some 70 MB of gradients."""

PIECES_AT_ONCE = 512
"""Small tables are joined at least every so many pieces: thousands of them take more memory than what they hold."""

AHEAD = 4
"""Pieces that are read while one is being written."""

# Reading ahead pays on a network store, and takes a gigabyte more for a large table.
PARQUET = ds.ParquetFileFormat(default_fragment_scan_options=ds.ParquetFragmentScanOptions(pre_buffer=False))

Result = TypeVar("Result")


def load(directory: str | os.PathLike[str]) -> Tables:
    """The merged tables of a results directory as pandas DataFrames, each read when it is first asked for.

    Args:
        directory: a directory that a sweep or a run has written (the one with ``report.html``).

    Raises:
        UserError: there are no results, or a table is damaged or of another format.

    Example:
        >>> tables = harness.load("results/dish/2026-01-31_12-00-00")    # doctest: +SKIP
        >>> tables.runs.groupby("cell").accuracy.mean()                   # doctest: +SKIP
    """
    root = Path(directory)
    if (root / "tables" / "runs.parquet").exists():
        return _merged(root)
    if not any(root.glob("jobs/*/tables/runs.parquet")):
        raise UserError(f"{root}: no results here; expected a directory with jobs/ or tables/ in it")
    return gather(root)


def gather(directory: Path, skip_damaged: bool = False) -> Tables:
    """Merge the tables of all finished jobs and write them to ``DIR/tables`` (and ``runs.csv``).

    Rows are ordered by the jobs' numbers; a run that stands in several jobs is kept once, preferably from one in
    which it has not failed. Tables have the columns of all jobs, empty where a job does not know them.

    Args:
        skip_damaged: leave out jobs with a table that is damaged or of another format, and name the files in
            `Tables.left_out`, instead of raising.

    Raises:
        UserError: there are no finished jobs (or none that is whole), or a table is damaged or of another format.
    """
    folders = _finished_jobs(directory)
    if not folders:
        raise UserError(f"{directory}: no finished jobs here; expected jobs/*/tables/runs.parquet")
    damaged: dict[Path, str] = {}
    while True:
        with tempfile.TemporaryDirectory(prefix=".gather-", dir=directory) as stage:
            found = _merge([folder for folder in folders if folder not in damaged], Path(stage))
            if not found:
                _publish(Path(stage), directory / "tables")
                return _merged(directory, [damaged[folder] for folder in folders if folder in damaged])
        # What is damaged inside shows only when it is read: the others are merged once more, without it.
        damaged |= found
        if not skip_damaged or len(damaged) == len(folders):
            raise UserError(next(iter(damaged.values())))


def _merged(directory: Path, left_out: Sequence[str] = ()) -> Tables:
    paths = sorted((directory / "tables").glob("*.parquet"))
    for path in paths:
        with opened(path):
            pass
    return Tables({path.stem: ds.dataset(path, format=PARQUET) for path in paths}, left_out=left_out)


def _finished_jobs(directory: Path) -> list[Path]:
    """The folders with the tables of finished jobs, in the order of the jobs' numbers."""
    jobs = directory / "jobs"
    names = sorted(os.listdir(jobs), key=_natural) if jobs.is_dir() else []
    return [jobs / name / "tables" for name in names if (jobs / name / "tables" / "runs.parquet").exists()]


def _natural(name: str) -> tuple[int, str]:
    return (int(name), "") if name.isdigit() else (1 << 62, name)


def _publish(stage: Path, folder: Path) -> None:
    """Move the files in ``stage`` to their place; ``runs`` comes last and marks the set complete."""
    folder.mkdir(exist_ok=True)
    for path in sorted(stage.iterdir(), key=lambda path: path.name == "runs.parquet"):
        os.replace(path, folder / path.name)


def _merge(folders: Sequence[Path], stage: Path) -> dict[Path, str]:
    """Write the merged tables of jobs into ``stage``.

    Returns:
        What is wrong with the jobs that are damaged; with any, ``stage`` holds no result.
    """
    damaged: dict[Path, str] = {}
    with ThreadPoolExecutor() as pool:
        survey = _survey(pool, folders, damaged)
        if survey is None:
            return damaged
        runs = _with_variants(survey.runs.filter(pa.array(survey.wanted)))
        pq.write_table(runs, stage / "runs.parquet", **encoding(runs.schema))
        as_frame(runs).to_csv(stage / "runs.csv", index=False)
        for name, schema in survey.schemas.items():
            with pq.ParquetWriter(stage / f"{name}.parquet", schema, **encoding(schema)) as writer:
                for block in _blocks(_pieces(pool, name, survey.jobs, damaged)):
                    writer.write_table(of_schema(block, schema), row_group_size=ROWS_AT_ONCE)
    return damaged


@dataclass
class _Job:
    """What is known of a job before its large tables are read.

    Attributes:
        groups: how many row groups each of its tables has, beside ``runs``.
        wanted: the runs whose rows are taken from it; None: all of its runs.
    """

    folder: Path
    groups: dict[str, int]
    wanted: pa.Array | None = None


@dataclass(frozen=True)
class _Survey:
    """What is known of all jobs before their large tables are read.

    Attributes:
        runs: the runs of all jobs.
        wanted: which of them are taken, (runs,).
        schemas: of the merged tables beside ``runs``.
    """

    jobs: list[_Job]
    runs: pa.Table
    wanted: NDArray[np.bool_]
    schemas: dict[str, pa.Schema]


def _survey(pool: Executor, folders: Sequence[Path], damaged: dict[Path, str]) -> _Survey | None:
    """Read the runs of all jobs and the heads of their other tables; None where all jobs are damaged."""
    jobs: list[_Job] = []
    sizes: list[int] = []
    # Most jobs have the same columns: every kind of them is kept once.
    schemas: dict[str, dict[bytes, pa.Schema]] = {}

    def runs() -> Iterator[pa.Table]:
        for folder, found in zip(folders, pool.map(_or_error(_look), folders), strict=True):
            if isinstance(found, UserError):
                damaged[folder] = str(found)
                continue
            table, heads = found
            for name, (schema, _) in heads.items():
                schemas.setdefault(name, {}).setdefault(schema.serialize().to_pybytes(), schema)
            jobs.append(_Job(folder, {name: groups for name, (_, groups) in heads.items()}))
            sizes.append(len(table))
            yield table

    blocks = list(_blocks(runs()))
    if not jobs:
        return None
    table = _in_order(joined(blocks))
    wanted = _first_of_each(table)
    starts = np.cumsum([0, *sizes])
    for job, start, size in zip(jobs, starts, sizes, strict=False):
        own = wanted[start : start + size]
        if not own.all():
            job.wanted = table["run_id"].slice(start, size).filter(pa.array(own)).combine_chunks()
    return _Survey(jobs, table, wanted, {name: union(found.values()) for name, found in sorted(schemas.items())})


def _look(folder: Path) -> tuple[pa.Table, dict[str, tuple[pa.Schema, int]]]:
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


def _with_variants(runs: pa.Table) -> pa.Table:
    """The runs with their variants: only a whole sweep says what tells the runs of a cell apart."""
    if "variant" not in runs.column_names:
        return runs
    place = runs.column_names.index("variant")
    field = runs.schema.field(place)
    return runs.set_column(place, field, pa.array(variants(as_frame(runs)), field.type))


def _first_of_each(runs: pa.Table) -> NDArray[np.bool_]:
    """Whether a row is the one to keep of its run: the first that has not failed, else the first."""
    ids = runs["run_id"].to_pandas()
    failed = (runs["status"].to_pandas() == "failed") if "status" in runs.column_names else np.zeros(len(ids))
    order = np.argsort(failed, kind="stable")
    wanted = np.empty(len(ids), dtype=bool)
    wanted[order] = ~ids.iloc[order].duplicated()
    return wanted


def _pieces(pool: Executor, name: str, jobs: Sequence[_Job], damaged: dict[Path, str]) -> Iterator[pa.Table]:
    """A table of all jobs, row group by row group, with the rows that are wanted."""
    places = ((job, group) for job in jobs for group in range(job.groups.get(name, 0)))
    waiting: deque[tuple[_Job, Future[pa.Table | UserError]]] = deque()
    for job, group in places:
        waiting.append((job, pool.submit(_or_error(_read), job, name, group)))
        if len(waiting) > AHEAD:
            yield from _taken(*waiting.popleft(), damaged)
    while waiting:
        yield from _taken(*waiting.popleft(), damaged)


def _taken(job: _Job, future: Future[pa.Table | UserError], damaged: dict[Path, str]) -> Iterator[pa.Table]:
    found = future.result()
    if isinstance(found, UserError):
        damaged[job.folder] = str(found)
    else:
        yield found


def _read(job: _Job, name: str, group: int) -> pa.Table:
    with opened(job.folder / f"{name}.parquet") as file:
        table = file.read_row_group(group, use_threads=False)
    return table if job.wanted is None else table.filter(pc.is_in(table["run_id"], job.wanted))


def _blocks(pieces: Iterable[pa.Table]) -> Iterator[pa.Table]:
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


def _or_error(work: Callable[..., Result]) -> Callable[..., Result | UserError]:
    """The function, returning a `UserError` instead of raising it: one damaged file must not stop the others."""

    def wrapped(*arguments: object) -> Result | UserError:
        try:
            return work(*arguments)
        except UserError as error:
            return error

    return wrapped
