"""From tables to a report: one self-contained HTML page, its Markdown twin, and the figures as files.

``python -m harness.report DIR [DIR ...]`` builds the reports of results directories anew, from their tables.
"""

from __future__ import annotations

from typing import Any

import pandas as pd

from harness.analysis.groups import SETTING
from harness.analysis.words import factor
from harness.tables.columns import RUN_OUTCOMES, RUN_SETTINGS

SHOWN_RUNS = 1000
"""Most rows in the report's table of runs; `tables/runs.csv` has all."""


OUTCOMES = {
    "status": "status",
    "accuracy": "accuracy",
    "solved": "solved",
    "loss": "loss",
    "decay_rate_init": "factor per step before",
    "decay_rate": "factor per step after",
    "grad_ratio": "gradient at cue / at end",
    "horizon": "horizon",
    "verdict": "verdict",
    "diverged_at": "diverged at",
    "steps": "steps",
    "seconds": "seconds",
}
"""Columns of the report's table of runs, after the settings, with the names they have there."""


def _columns(runs: pd.DataFrame) -> dict[str, str]:
    """Columns of the table of runs: what identifies a run, every other setting that varies, outcomes."""
    base = [*SETTING, "seed"]
    settings = [name for name in runs.columns if name not in ("run_id", *base, *RUN_OUTCOMES)]
    varying = [name for name in settings if _varies(runs, name)]
    first = [name for name in RUN_SETTINGS if name in base or name in varying]
    rest = [name for name in varying if name not in first]
    if "reason" in runs and runs.reason.notna().any():
        rest.append("reason")
    return {**{name: name for name in [*first, *rest]}, **OUTCOMES}


def _varies(runs: pd.DataFrame, setting: str) -> bool:
    """Whether runs differ in a setting; that other cells do not have it is no difference."""
    within = runs.groupby("cell")[setting].nunique(dropna=False)
    return runs[setting].nunique() > 1 or bool((within > 1).any())


def _row(run: pd.Series, columns: dict[str, str]) -> dict[str, Any]:
    """A run for the table: each cell's text, and the value it sorts by."""
    return {"status": run.status, "cells": [_cell(name, run[name]) for name in columns]}


def _cell(name: str, value: Any) -> dict[str, Any]:
    if value is None or pd.isna(value):
        return {"text": "–", "sort": ""}
    if name.startswith("decay_rate"):
        value = factor(value)
    if isinstance(value, bool) or name == "solved":
        return {"text": "yes" if value else "no", "sort": int(value)}
    if isinstance(value, str):
        return {"text": value, "sort": value, "wraps": name == "reason"}
    number = float(value)
    return {"text": f"{number:.4g}", "sort": repr(number)}
