"""What figures of probes have in common: which runs they show, and when."""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.analysis import finished
from harness.figures.drawing.panels import at_most
from harness.tables.varied import as_typed

if TYPE_CHECKING:
    import pandas as pd

    from harness.tables.tables import Tables

MOST_COLUMNS = 6
"""Most cells beside each other."""


def best_runs(tables: Tables, probe: str) -> tuple[pd.DataFrame, str]:
    """The best run of each cell at the longest length, of those that a probe has measured, and a remark on the others.

    Returns:
        As many as fit beside each other, numbered from 0; none where the tables hold none.
    """
    runs = finished(tables.runs)
    measured = tables[probe] if probe in tables else runs.head(0)
    runs = runs[runs.run_id.isin(measured.run_id)].sort_values("accuracy", ascending=False, kind="stable")
    best = runs[runs.seq_len == runs.seq_len.max()].drop_duplicates("who")
    if not len(best):
        return best, ""
    best, remark = at_most(best)
    if len(best) > MOST_COLUMNS:
        remark = f"{MOST_COLUMNS} of {len(best)} cells are shown, the best"
    return best.head(MOST_COLUMNS).reset_index(drop=True), remark


def first_and_last(rows: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The rows of one run before its training, and at its end."""
    return rows[rows.step == rows.step.min()], rows[rows.step == rows.step.max()]


def named(run: pd.Series, among: pd.DataFrame) -> str:
    """A run as the title of a panel: its weight scale is named where there are several."""
    several = among.weight_scale.nunique() > 1
    return str(run.who) + (f", weight scale {as_typed(run.weight_scale)}" if several else "")
