"""The tables of a part of the runs."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pyarrow.compute as pc

from harness.tables.tables import Tables

if TYPE_CHECKING:
    import pandas as pd

MOST_ROWS = 20_000_000
"""Rows from which on figures get a table only in parts: as a DataFrame it would take gigabytes."""


def of_experiment(tables: Tables, experiment: str) -> Tables:
    """The rows of one experiment."""
    own = tables.runs.experiment == experiment
    return tables.limited(MOST_ROWS) if own.all() else of_runs(tables, tables.runs[own])


def of_runs(tables: Tables, runs: pd.DataFrame) -> Tables:
    """The rows of some runs."""
    own = pc.field("run_id").isin(runs.run_id.tolist())
    others = {name: tables.scan(name).filter(own) for name in tables if name != "runs"}
    return Tables({"runs": runs, **others}, most_rows=MOST_ROWS)
