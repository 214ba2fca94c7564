"""Gathering: from the tables of many jobs to one set of tables, in bounded memory.

The runs of all jobs are held at once, a row each. The other tables stream: a piece of a job is read, brought into
the columns of all jobs, and written, while the next pieces are being read.
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Container, Iterator, Sequence
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as ds
import pyarrow.parquet as pq

from harness.base.errors import UserError
from harness.base.files import scratch, within
from harness.tables.jobs import finished_jobs
from harness.tables.schemas import as_frame, of_schema
from harness.tables.storage import encoding, opened
from harness.tables.survey import ROWS_AT_ONCE, Job, blocks, look, or_error, survey
from harness.tables.tables import Tables
from harness.tables.varied import variants

AHEAD = 4
"""Pieces that are read while one is being written."""

# Reading ahead pays on a network store, and takes a gigabyte more for a large table.
PARQUET = ds.ParquetFileFormat(default_fragment_scan_options=ds.ParquetFragmentScanOptions(pre_buffer=False))


def load(directory: str | os.PathLike[str]) -> Tables:
    """The merged tables of a results directory as pandas DataFrames, each read when it is first asked for.

    Args:
        directory: a directory that a sweep or a run has written (the one with ``report.html``).

    Raises:
        UserError: there are no results, or a table is damaged or of another format.

    Examples:
        >>> tables = harness.load("results/dish/2026-01-31_12-00-00")    # doctest: +SKIP
        >>> tables.runs.groupby("cell").accuracy.mean()                   # doctest: +SKIP
    """
    root = Path(directory)
    if (root / "tables" / "runs.parquet").exists():
        return _merged(root)
    if not finished_jobs(root):
        raise UserError(f"{root}: no results here; expected a directory with jobs/ or tables/ in it")
    return gather(root)


def gather(directory: Path, skip_damaged: bool = False, planned: Container[str] | None = None) -> Tables:
    """Merge the tables of all finished jobs and write them to ``DIR/tables`` (and ``runs.csv``).

    Rows are ordered by the jobs' numbers; a run that stands in several jobs is kept once, preferably from one in
    which it has not failed. Tables have the columns of all jobs, empty where a job does not know them. Finished runs of
    the merged tables that are there already stay where no job has them (any more): a job's tables may be damaged.

    Args:
        skip_damaged: leave out jobs with a table that is damaged or of another format, and name the files in
            `Tables.left_out`, instead of raising.
        planned: the runs that were asked for. Of others, failures are left out, and what only the merged tables have:
            they have another name by now, or nobody asks for them any more. None: all that there are.

    Raises:
        UserError: there are no finished jobs (or none that is whole), a table is damaged or of another format, or
            ``DIR/tables`` is a link that leads out of DIR.
    """
    merged = within(directory, "tables")
    damaged: dict[Path, str] = {}
    while True:
        folders = finished_jobs(directory)
        if not folders:
            raise UserError(f"{directory}: no finished jobs here; expected jobs/*/tables/runs.parquet")
        kept = merged if merged not in damaged and _whole(merged) else None
        with scratch(directory, ".gather-") as stage:
            whole = [folder for folder in folders if folder not in damaged]
            found = _merge(whole, kept, planned, stage)
            if not found:
                _publish(stage, merged)
                return _merged(directory, list(damaged.values()))
        # What is damaged inside shows only when it is read: the others are merged once more, without it. A folder
        # that is gone was exchanged meanwhile by the sweep, which is at work.
        damaged |= {folder: problem for folder, problem in found.items() if folder.exists()}
        jobs = [folder for folder in damaged if folder != merged]
        if jobs and (not skip_damaged or (len(jobs) == len(folders) and kept is None)):
            raise UserError(damaged[jobs[0]])


def _whole(folder: Path) -> bool:
    """Whether there are tables whose heads can be read."""
    try:
        look(folder)
    except (UserError, OSError):
        return False
    return True


def _merged(directory: Path, left_out: Sequence[str] = ()) -> Tables:
    paths = sorted((directory / "tables").glob("*.parquet"))
    for path in paths:
        with opened(path):
            pass
    return Tables({path.stem: ds.dataset(path, format=PARQUET) for path in paths}, left_out=left_out)


def _publish(stage: Path, folder: Path) -> None:
    """Move the files in ``stage`` to their place; ``runs`` comes last and marks the set complete."""
    folder.mkdir(exist_ok=True)
    for path in sorted(stage.iterdir(), key=lambda path: path.name == "runs.parquet"):
        os.replace(path, folder / path.name)


def _merge(folders: Sequence[Path], kept: Path | None, planned: Container[str] | None, stage: Path) -> dict[Path, str]:
    """Write the merged tables of jobs into ``stage``.

    Args:
        kept: earlier merged tables; their finished runs stay where no job has finished them.
        planned: see `gather`.

    Returns:
        What is wrong with the jobs that are damaged; with any, ``stage`` holds no result.
    """
    damaged: dict[Path, str] = {}
    with ThreadPoolExecutor() as pool:
        found = survey(pool, folders, kept, planned, damaged)
        if found is None:
            return damaged
        runs = with_variants(found.runs.filter(pa.array(found.wanted)))
        pq.write_table(runs, stage / "runs.parquet", **encoding(runs.schema))
        as_frame(runs).to_csv(stage / "runs.csv", index=False)
        for name, schema in found.schemas.items():
            with pq.ParquetWriter(stage / f"{name}.parquet", schema, **encoding(schema)) as writer:
                for block in blocks(_pieces(pool, name, found.jobs, damaged)):
                    writer.write_table(of_schema(block, schema), row_group_size=ROWS_AT_ONCE)
                    # Arrow would keep for later what each thread has used: hundreds of megabytes.
                    pa.default_memory_pool().release_unused()
    return damaged


def with_variants(runs: pa.Table) -> pa.Table:
    """The runs with their variants: only a whole sweep says what tells the runs of a cell apart."""
    if "variant" not in runs.column_names:
        return runs
    place = runs.column_names.index("variant")
    field = runs.schema.field(place)
    return runs.set_column(place, field, pa.array(variants(as_frame(runs)), field.type))


def _pieces(pool: Executor, name: str, jobs: Sequence[Job], damaged: dict[Path, str]) -> Iterator[pa.Table]:
    """A table of all jobs, row group by row group, with the rows that are wanted."""
    places = ((job, group) for job in jobs for group in range(job.groups.get(name, 0)))
    waiting: deque[tuple[Job, Future[pa.Table | UserError]]] = deque()
    for job, group in places:
        waiting.append((job, pool.submit(or_error(_read), job, name, group)))
        if len(waiting) > AHEAD:
            yield from _taken(*waiting.popleft(), damaged)
    while waiting:
        yield from _taken(*waiting.popleft(), damaged)


def _taken(job: Job, future: Future[pa.Table | UserError], damaged: dict[Path, str]) -> Iterator[pa.Table]:
    found = future.result()
    if isinstance(found, UserError):
        damaged[job.folder] = str(found)
    else:
        yield found


def _read(job: Job, name: str, group: int) -> pa.Table:
    with opened(job.folder / f"{name}.parquet") as file:
        table = file.read_row_group(group, use_threads=False)
    return table if job.wanted is None else table.filter(pc.is_in(table["run_id"], job.wanted))
