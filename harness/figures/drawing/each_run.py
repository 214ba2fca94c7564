"""What is drawn beside a median: the runs themselves where they are few, a band where they are many."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from harness.analysis.runs import CONDITION

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

FEW = 5
"""Up to so many runs of a condition have a thin line each: a band would hide that they may end in two ways."""


def with_conditions(rows: pd.DataFrame, runs: pd.DataFrame) -> pd.DataFrame:
    """Rows with ``run`` (its place in ``runs``), and beside each the columns of `CONDITION`."""
    return rows.join(runs[CONDITION].reset_index(drop=True), on="run")


def draw_runs(axis: Axes, lines: pd.DataFrame, middle: pd.DataFrame, key: str, value: str, colour: str) -> None:
    """Draw the runs of one condition, within the limits of the axis.

    Args:
        lines: a row per run and ``key``, with ``run`` and ``value``.
        middle: of `harness.figures.drawing.rows.over_runs`, of that condition.
    """
    bottom, top = axis.get_ylim()
    if 1 < middle.runs.max() <= FEW:
        for _, line in lines.sort_values(key).groupby("run"):
            shown = line[value].where(np.isfinite(line[value]))
            axis.plot(line[key], shown, color=colour, linewidth=0.6, alpha=0.6, zorder=1.8)
    elif (middle.low < middle.high).any():
        low, high = middle.low.clip(bottom, top), middle.high.clip(bottom, top)
        known = np.isfinite(middle.middle)
        axis.fill_between(middle[key], low, high, where=known, color=colour, alpha=0.2, linewidth=0, rasterized=True)
    axis.set_ylim(bottom, top)
