"""The tables as a report takes them: of a part of the runs, and with no text that no page has room for."""

from __future__ import annotations

import pandas as pd
import pyarrow.compute as pc

from harness.base.hashes import short_hash
from harness.tables.tables import Tables

MOST_ROWS = 20_000_000
"""Rows from which on figures get a table only in parts: as a DataFrame it would take gigabytes."""

LONGEST_NAME = 300
"""Characters of a name or a setting, from which on reports show its beginning: drawing a book takes all memory."""


def with_short_names(tables: Tables) -> Tables:
    """The tables with no long texts in ``runs``; such that differ still do, by a hash at their end."""
    runs = tables.runs
    texts = {key: runs[key] for key in map(str, runs) if key != "run_id" and pd.api.types.is_string_dtype(runs[key])}
    long = {key: values for key, values in texts.items() if (values.astype(str).str.len() > LONGEST_NAME).any()}
    if not long:
        return tables
    short = runs.assign(**{key: values.map(_short, na_action="ignore") for key, values in long.items()})
    others = {name: tables.scan(name) for name in tables if name != "runs"}
    return Tables({"runs": short, **others}, left_out=tables.left_out)


def _short(value: object) -> str:
    text = str(value)
    if len(text) <= LONGEST_NAME:
        return text
    return f"{text[:LONGEST_NAME]} … {short_hash(text, 8)}"


def of_experiment(tables: Tables, experiment: str) -> Tables:
    """The rows of one experiment."""
    own = tables.runs.experiment == experiment
    return tables.limited(MOST_ROWS) if own.all() else of_runs(tables, tables.runs[own])


def of_runs(tables: Tables, runs: pd.DataFrame) -> Tables:
    """The rows of some runs."""
    own = pc.field("run_id").isin(runs.run_id.tolist())
    # Columns of a table without rows have no type that a filter could be held against.
    others = {
        name: tables.scan(name).filter(own) if tables.rows(name) else tables.scan(name)
        for name in tables
        if name != "runs"
    }
    return Tables({"runs": runs, **others}, most_rows=MOST_ROWS)
