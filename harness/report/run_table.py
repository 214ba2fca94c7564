"""The report's table of runs: which columns it has, and how their values are written."""

from __future__ import annotations

from typing import Any

import pandas as pd

from harness.analysis.words import factor, in_words
from harness.base.language import gettext as _
from harness.tables.columns import RUN_SETTINGS, column
from harness.tables.varied import settings_of

SHOWN_RUNS = 1000
"""Most rows in the report's table of runs; `tables/runs.csv` has all."""

SHOWN_OUTCOMES = [
    "status", "accuracy", "solved", "loss", "decay_rate_init", "decay_rate", "decay_r2", "shape",
    "grad_ratio", "horizon", "verdict", "diverged_at", "steps", "seconds",
]  # fmt: skip
"""Outcomes in the report's table of runs, after the settings."""


ALWAYS = ["accuracy", "solved"]
"""Outcomes that have a column whatever there is in it."""


def columns_of(runs: pd.DataFrame) -> dict[str, str]:
    """Columns and their heads: the cell, settings that vary, outcomes that there are, settings that do not vary."""
    base = ["cell", "seq_len", "weight_scale", "seed"]
    settings = [name for name in settings_of(runs) if name not in base]
    varying = [name for name in settings if _varies(runs, name)]
    first = [name for name in RUN_SETTINGS if name in base or name in varying]
    rest = [name for name in varying if name not in first]
    if "reason" in runs and runs.reason.notna().any():
        rest.append("reason")
    known = [name for name in SHOWN_OUTCOMES if name in ALWAYS or runs[name].notna().any()]
    if (runs.status == "ok").all():
        known.remove("status")
    heads = {name: _(column("runs", name).label) or name for name in known}
    same = [name for name in first if name != "cell" and name in base and runs[name].nunique() < 2]
    return {**{name: name for name in [*first, *rest] if name not in same}, **heads, **{name: name for name in same}}


def in_order_of_interest(runs: pd.DataFrame) -> pd.DataFrame:
    """The longest sequences first, and of each length the highest accuracy; what has none comes last."""
    keys = {name: pd.to_numeric(runs[name], errors="coerce") for name in ("seq_len", "accuracy")}
    order = pd.DataFrame(keys).sort_values(["seq_len", "accuracy"], ascending=False, kind="stable", na_position="last")
    return runs.loc[order.index]


def _varies(runs: pd.DataFrame, setting: str) -> bool:
    """Whether runs differ in a setting, in an option of the cell runs of one cell: others start from other values."""
    within = runs.groupby("cell", dropna=False)[setting].nunique(dropna=False)
    return bool((within > 1).any()) or (runs[setting].nunique() > 1 and not setting.startswith("cell."))


def row_of(run: pd.Series, columns: dict[str, str]) -> dict[str, Any]:
    """A run for the table: each cell's text, and the value it sorts by."""
    return {"status": run.status, "cells": [_cell(name, run[name]) for name in columns]}


def _cell(name: str, value: Any) -> dict[str, Any]:
    if value is None or pd.isna(value):
        return {"text": "–", "sort": ""}
    if name.startswith("decay_rate"):
        value = factor(value)
    if isinstance(value, bool) or name == "solved":
        return {"text": _("yes") if value else _("no"), "sort": int(value)}
    if isinstance(value, str):
        text = in_words(value) if name in SHOWN_OUTCOMES else value
        return {"text": text, "sort": value, "wraps": name == "reason"}
    number = float(value)
    return {"text": f"{number:.4g}", "sort": repr(number)}
