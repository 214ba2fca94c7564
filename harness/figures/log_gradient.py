"""The answer's gradient on a logarithmic scale, of what the probe `log_gradient` measured."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from harness.base.language import gettext as _
from harness.figures.base import Figure
from harness.figures.drawing.canvas import label_outer
from harness.figures.drawing.colours import ink
from harness.figures.drawing.notes import note
from harness.figures.drawing.probed import before_and_after, best_runs, columns, key_of_moments
from harness.figures.drawing.scales import decades, powers_axis

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure as Canvas

    from harness.tables.tables import Tables

SMALLEST_SINGLE = -45.0
"""Exponent of ten of the smallest number that single precision has."""


class LogGradient(Figure):
    """The logarithm of the answer's gradient by lag, before and after training, as far as it goes."""

    name = "log_gradient"
    title = "How far back the gradient of an answer fades, beyond what numbers can hold"
    caption = (
        "The gradient of one answer alone, in the memory of the cell so many steps before it (the lag). It is relative "
        "to that at the answer, as a power of ten. Lines are medians over sequences, bands hold the middle 80 %. A "
        "straight line loses the same share at every step. Below the dotted line a network in single precision gets "
        "exactly zero. Here the line goes on, since each number has an exponent of its own. Where a line ends, the "
        "gradient is exactly zero. With several layers it is the top one."
    )
    order = 24
    probes = ("log_gradient",)

    def draw(self, tables: Tables) -> Canvas | None:
        """A column per cell: the exponent by lag."""
        best, remark = best_runs(tables, "log_gradient")
        if not len(best):
            return None
        figure, panels = columns(best, rows=1, height=3.0)
        axes = {run.run_id: column[0] for run, column in panels}
        drawn = [0.0]
        for run, __, colour, rows in before_and_after(tables, "log_gradient", best):
            rows = rows[(rows.layer == run.num_layers) & (rows.part == run.memory)].sort_values("lag")
            if not len(rows) or not np.isfinite(rows.q50.iloc[0]):
                continue
            lag, (low, middle, high) = rows.lag, (rows[each] - rows.q50.iloc[0] for each in ("q10", "q50", "q90"))
            middle = middle.where(np.isfinite(middle))
            axis = axes[run.run_id]
            axis.plot(lag, middle, color=colour, linewidth=1.6, marker="o" if middle.notna().sum() == 1 else "")
            floor = middle.min()
            there = middle.notna() & np.isfinite(high)
            axis.fill_between(lag, low.clip(floor), high, where=there, color=colour, alpha=0.2, linewidth=0)
            drawn += middle.dropna().tolist()
        low, high = decades(np.array(drawn))
        margin = (high - low) / 12
        powers_axis(panels[0][1][0], low, high, margin, margin)
        for _run, (axis,) in panels:
            _mark_single(axis)
        label_outer(figure, _("lag (steps before the answer)"), _("gradient norm,\nrelative to that at the answer"))
        key_of_moments(figure, tables, "log_gradient", best)
        note(figure, remark)
        return figure


def _mark_single(axis: Axes) -> None:
    """A line where single precision ends, if the panel reaches so far."""
    if axis.get_ylim()[0] < SMALLEST_SINGLE:
        axis.axhline(SMALLEST_SINGLE, color=ink(), linestyle=":", linewidth=1)
