"""The result tables: their format, atomic writing, merging and loading.

A results directory holds one small set of tables per job, ``DIR/jobs/<job>/tables/*.parquet``, and the
merged set ``DIR/tables/*.parquet``. Every parquet file carries the format version in its metadata, so that
a table of another version, or a damaged one, is refused by name instead of being misread.
"""

from __future__ import annotations

import os
import uuid
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from harness.errors import UserError

FORMAT = "1"
FORMAT_KEY = b"harness_format"

RUN_SETTINGS = ["experiment", "cell", "seq_len", "weight_scale", "seed", "hidden_size", "init"]
"""Settings that stand in front of every table of runs; all other settings follow by their dotted name."""

RUN_OUTCOMES = [
    "status", "reason", "accuracy", "loss", "chance", "chance_loss", "solved",
    "decay_rate", "grad_ratio", "horizon", "verdict",
    "decay_rate_init", "grad_ratio_init", "horizon_init", "verdict_init",
    "diverged_at", "steps", "seconds", "parameters", "memory", "cue_step", "eval_samples", "job",
]  # fmt: skip

COLUMNS: dict[str, list[str]] = {
    "runs": ["run_id", *RUN_SETTINGS, *RUN_OUTCOMES],
    "curves": ["run_id", "step", "loss", "accuracy", "grad_norm_weights", "clipped", "spectral_radius"],
    "gradients": [
        "run_id", "step", "layer", "part", "t", "lag", "grad_norm", "grad_q10", "grad_q50", "grad_q90",
    ],
    "samples": ["run_id", "sample", "text", "translation", "expected", "answered"],
}  # fmt: skip
"""Columns that every table of that name has, in this order (``runs`` has further settings besides)."""


class Tables(Mapping[str, pd.DataFrame]):
    """The tables of one results directory: ``tables.runs`` or ``tables["runs"]``, and so on.

    Standard tables are ``runs``, ``curves``, ``gradients`` and ``samples``; probes may add others.
    """

    def __init__(self, frames: Mapping[str, pd.DataFrame]):
        self._frames = dict(frames)

    def __getitem__(self, name: str) -> pd.DataFrame:
        return self._frames[name]

    def __getattr__(self, name: str) -> pd.DataFrame:
        if name.startswith("_") or name not in self._frames:
            raise AttributeError(name)
        return self._frames[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._frames)

    def __len__(self) -> int:
        return len(self._frames)

    def __repr__(self) -> str:
        return "Tables(" + ", ".join(f"{name}: {len(frame)} rows" for name, frame in self.items()) + ")"


def write_atomically(path: Path, write: Callable[[Path], object]) -> None:
    """Let ``write`` fill a temporary file beside ``path`` and move it into place: readers see all or nothing."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{uuid.uuid4().hex[:8]}.tmp")
    try:
        write(temporary)
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def write_text(path: Path, text: str) -> None:
    """Write a UTF-8 text file atomically."""
    write_atomically(path, lambda temporary: temporary.write_text(text, encoding="utf-8"))


def write_table(path: Path, frame: pd.DataFrame) -> None:
    """Write one table as parquet, atomically, with the format version in its metadata."""
    table = pa.Table.from_pandas(frame, preserve_index=False)
    table = table.replace_schema_metadata({**(table.schema.metadata or {}), FORMAT_KEY: FORMAT.encode()})
    write_atomically(path, lambda temporary: pq.write_table(table, temporary, compression="zstd"))


def write_tables(directory: Path, frames: Mapping[str, pd.DataFrame]) -> None:
    """Write ``directory/<name>.parquet`` for every frame; ``runs`` comes last and marks the set complete."""
    for name in sorted(frames, key=lambda name: name == "runs"):
        write_table(directory / f"{name}.parquet", frames[name])


def read_table(path: Path) -> pd.DataFrame:
    """Read one table.

    Raises:
        UserError: the file is missing, damaged or of another format; the message names it.
    """
    try:
        table = pq.read_table(path)
    except FileNotFoundError:
        raise UserError(f"{path}: no such table") from None
    except (pa.ArrowException, OSError) as error:
        raise UserError(f"{path}: damaged table, not readable as parquet ({first_line(error)})") from None
    found = (table.schema.metadata or {}).get(FORMAT_KEY, b"none").decode()
    if found != FORMAT:
        raise UserError(f"{path}: table format {found}, this version reads format {FORMAT}")
    return table.to_pandas()


def load(directory: str | os.PathLike[str]) -> Tables:
    """The merged tables of a results directory as pandas DataFrames.

    Args:
        directory: a directory that a sweep or a run has written (the one with ``report.html``).

    Raises:
        UserError: there are no results, or a table is damaged or of another format.

    Example:
        >>> tables = harness.load("results/dish/2026-01-31_12-00-00")    # doctest: +SKIP
        >>> tables.runs.groupby("cell").accuracy.mean()                   # doctest: +SKIP
    """
    root = Path(directory)
    paths = sorted((root / "tables").glob("*.parquet"))
    if not (root / "tables" / "runs.parquet").exists():
        if not any(root.glob("jobs/*/tables/runs.parquet")):
            raise UserError(f"{root}: no results here; expected a directory with jobs/ or tables/ in it")
        return gather(root)
    return Tables({path.stem: read_table(path) for path in paths})


def gather(directory: Path) -> Tables:
    """Merge the tables of all finished jobs and write them to ``DIR/tables`` (and ``runs.csv``).

    Rows are ordered by the jobs' numbers; a run that stands in several jobs is kept once.

    Raises:
        UserError: there are no finished jobs, or one of their tables is damaged or of another format.
    """
    jobs = sorted(directory.glob("jobs/*/tables/runs.parquet"), key=lambda path: _natural(path.parts[-3]))
    if not jobs:
        raise UserError(f"{directory}: no finished jobs here; expected jobs/*/tables/runs.parquet")
    parts: dict[str, list[pd.DataFrame]] = {}
    seen: set[str] = set()
    for runs_path in jobs:
        frames = {path.stem: read_table(path) for path in sorted(runs_path.parent.glob("*.parquet"))}
        new = set(frames["runs"].run_id) - seen
        seen |= new
        for name, frame in frames.items():
            parts.setdefault(name, []).append(frame[frame.run_id.isin(new)])
    tables = {name: _concat(frames) for name, frames in parts.items()}
    write_tables(directory / "tables", tables)
    write_text(directory / "tables" / "runs.csv", tables["runs"].to_csv(index=False))
    return Tables(tables)


def first_line(error: BaseException) -> str:
    """The first line of an exception's message, or its type where it has none."""
    lines = str(error).strip().splitlines()
    return lines[0] if lines else type(error).__name__


def _concat(frames: list[pd.DataFrame]) -> pd.DataFrame:
    filled = [frame for frame in frames if len(frame)] or frames[:1]
    return pd.concat(filled, ignore_index=True)


def _natural(name: str) -> tuple[int, str]:
    return (int(name), "") if name.isdigit() else (1 << 62, name)
