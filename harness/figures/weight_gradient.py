"""What steps contribute to the gradient of the weights, of what the probe `weight_gradient` measured."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from harness.base.language import gettext as _
from harness.figures.base import Figure
from harness.figures.drawing.canvas import label_outer
from harness.figures.drawing.colours import ink
from harness.figures.drawing.crowd import mark
from harness.figures.drawing.notes import note
from harness.figures.drawing.probed import before_and_after, best_runs, columns, key_of_moments
from harness.figures.drawing.scales import decades, log10, powers_axis

if TYPE_CHECKING:
    from matplotlib.figure import Figure as Canvas

    from harness.tables.tables import Tables

LOWEST = -12.0
"""Exponents of a contribution, relative to the largest, below which nothing is drawn."""


class WeightGradient(Figure):
    """How much of the weights' gradient comes from short ways to the answer, and how much from long ones."""

    name = "weight_gradient"
    title = "Do the weights learn from the recent past alone?"
    caption = (
        "A weight is used at every step, and each use adds to its gradient. Upper panels: how much the use so many "
        "steps before the answer (the lag) adds, relative to the largest. All weights are taken together. Lower "
        "panels: the share of the whole gradient that comes from this lag and shorter ones. A curve that reaches 1 at "
        "once: the network is trained on its last few steps only. One that climbs near the dotted line learns from the "
        "cue, the step that holds what has to be remembered. Above 1, what is farther back takes some of it away "
        "again."
    )
    order = 64
    probes = ("weight_gradient",)

    def draw(self, tables: Tables) -> Canvas | None:
        """A column per cell: contributions by lag above, their running share below."""
        best, remark = best_runs(tables, "weight_gradient")
        if not len(best):
            return None
        figure, panels = columns(best, rows=2)
        axes = {run.run_id: column for run, column in panels}
        drawn = [0.0]
        for run, __, colour, rows in before_and_after(tables, "weight_gradient", best):
            upper, lower = axes[run.run_id]
            rows = rows[rows.layer == 0].sort_values("lag")
            with np.errstate(all="ignore"):
                exponent = log10(rows.norm.to_numpy(dtype=float) / rows.norm.max())
            exponent[exponent < LOWEST] = np.nan
            upper.plot(rows.lag, exponent, color=colour, linewidth=1.6)
            lower.plot(rows.lag, rows.share.cumsum(), color=colour, linewidth=1.6)
            drawn += exponent[np.isfinite(exponent)].tolist()
        low, high = decades(np.array(drawn))
        for run, (upper, lower) in panels:
            powers_axis(upper, low, high)
            lower.axhline(1, color=ink(), linewidth=0.8)
            if np.isfinite(cue := float(run.answer_step - run.cue_step)):
                mark(upper, cue)
                mark(lower, cue)
        label_outer(figure, _("lag (steps before the answer)"), "")
        panels[0][1][0].set_ylabel(_("contribution to dL/dW,\nrelative to the largest"))
        panels[0][1][1].set_ylabel(_("share of this lag\nand shorter ones"))
        key_of_moments(figure, tables, "weight_gradient", best)
        note(figure, remark)
        return figure
