"""The result tables: their columns, their files, and their merging.

In: the tables of each job, as a run has measured them (`write_tables`, `publish`).
Out: the tables of a results directory as pandas DataFrames, whole or in parts (`load`, `Tables`).
A table of another format, or a damaged one, is refused by the name of its file.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.tables.tables import Tables

if TYPE_CHECKING:
    from harness.tables.gather import load

__all__ = ["Tables", "load"]


def __getattr__(name: str) -> object:
    if name == "load":  # pandas and pyarrow are imported when tables are
        from harness.tables.gather import load

        return load
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
