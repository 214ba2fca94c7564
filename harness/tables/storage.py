"""One table as a parquet file: its format, atomic writing, and reading.

A results directory holds one small set of tables per job, ``DIR/jobs/<job>/tables/*.parquet``, and the
merged set ``DIR/tables/*.parquet``. Every parquet file carries the format version in its metadata, so that
a table of another version, or a damaged one, is refused by name instead of being misread.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from harness.base.errors import UserError, first_line
from harness.base.files import write_atomically
from harness.tables.schemas import as_frame

FORMAT = "3"
FORMAT_KEY = b"harness_format"


def write_table(path: Path, frame: pd.DataFrame) -> None:
    """Write one table as parquet, atomically, with the format version in its metadata."""
    table = pa.Table.from_pandas(frame, preserve_index=False)
    table = table.replace_schema_metadata({**(table.schema.metadata or {}), FORMAT_KEY: FORMAT.encode()})
    write_atomically(path, lambda temporary: pq.write_table(table, temporary, **encoding(table.schema)))


def encoding(schema: pa.Schema) -> dict[str, Any]:
    """How tables are stored: no dictionaries of measured numbers, which hardly repeat."""
    repeating = [field.name for field in schema if not pa.types.is_floating(field.type)]
    return {"compression": "zstd", "use_dictionary": repeating}


def write_tables(directory: Path, frames: Mapping[str, pd.DataFrame]) -> None:
    """Write ``directory/<name>.parquet`` for every frame; ``runs`` comes last and marks the set complete."""
    for name in sorted(frames, key=lambda name: name == "runs"):
        write_table(directory / f"{name}.parquet", frames[name])


def read_table(path: Path) -> pd.DataFrame:
    """Read one table.

    Raises:
        UserError: the file is missing, damaged or of another format; the message names it.
    """
    with opened(path) as file:
        return as_frame(file.read())


def by_run(path: Path, column: str) -> dict[str, str]:
    """One column of texts of a table with a row per run: run_id to its value. Nothing else of the file is read.

    Raises:
        OSError, KeyError, pyarrow.ArrowException: the file is missing or damaged, or has no such column.
    """
    table = pq.read_table(path, columns=["run_id", column])
    return dict(zip(table["run_id"].to_pylist(), table[column].to_pylist(), strict=True))


@contextmanager
def opened(path: Path) -> Iterator[pq.ParquetFile]:
    """Open one table; what cannot be read within the ``with`` block is an error that names this file.

    Raises:
        UserError: the file is missing, damaged or of another format; the message names it.
    """
    try:
        with pq.ParquetFile(path) as file:
            found = (file.schema_arrow.metadata or {}).get(FORMAT_KEY, b"none").decode()
            if found != FORMAT:
                raise UserError(f"{path}: table format {found}, this version reads format {FORMAT}")
            yield file
    except FileNotFoundError:
        raise UserError(f"{path}: no such table") from None
    except (pa.ArrowException, OSError) as error:
        raise damaged(path, error) from None


def damaged(path: Path | str, error: Exception) -> UserError:
    """The error for a file that cannot be read."""
    return UserError(f"{path}: damaged table, not readable as parquet ({first_line(error)})")
