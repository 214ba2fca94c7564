"""Disturbances and what is left of them at the answer, of what the probe `perturbation` measured."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from harness.base.language import gettext as _
from harness.figures.base import Figure
from harness.figures.drawing.canvas import label_outer
from harness.figures.drawing.colours import ink, shades
from harness.figures.drawing.notes import key, note
from harness.figures.drawing.probed import AFTER, BEFORE, before_and_after, best_runs, columns, moment_in_words
from harness.figures.drawing.scales import decades, log10, powers_axis
from harness.tables.varied import as_typed

if TYPE_CHECKING:
    from matplotlib.figure import Figure as Canvas

    from harness.tables.tables import Tables


class Perturbation(Figure):
    """How disturbances of several sizes grow or fade, against what the gradient promises."""

    name = "perturbation"
    title = "Does the gradient tell what a disturbance really does?"
    caption = (
        "The state is pushed in a random direction, so many steps before the answer (the lag), and the network runs "
        "on. Lines show how far it is off at the answer, divided by the length ε of the push. Light lines are small "
        "pushes, dark ones large. The dashed line is the gradient's prediction, which is exact for very small pushes. "
        "Where all lines lie on it, the network is as good as linear. Dark lines below it: a large push hits saturated "
        "units and is forgotten, or the network falls back to where it was. Lines above it: a push moves the network "
        "to another of its stable states, which no gradient there could tell. What rounding hides is not drawn. With "
        "several layers it is the top one."
    )
    order = 67
    probes = ("perturbation",)

    def draw(self, tables: Tables) -> Canvas | None:
        """A column per cell, before training above, after below; a line per size."""
        from matplotlib.lines import Line2D

        best, remark = best_runs(tables, "perturbation")
        if not len(best):
            return None
        figure, panels = columns(best, rows=2, height=2.2)
        axes, drawn = {run.run_id: column for run, column in panels}, [0.0]
        sizes = sorted(tables["perturbation"].epsilon[tables["perturbation"].run_id.isin(best.run_id)].unique())
        for run, when, colour, rows in before_and_after(tables, "perturbation", best):
            axis, rows = axes[run.run_id][when == AFTER], rows[rows.layer == run.num_layers].sort_values("lag")
            for size, shade in zip(sizes, shades(colour, len(sizes)), strict=True):
                own = rows[rows.epsilon == size]
                growth = log10(own.growth.where(own.growth > 4 * own.floor).to_numpy(dtype=float))
                axis.plot(own.lag, growth, color=shade, linewidth=1.4, marker=".", markersize=4)
                drawn += growth[np.isfinite(growth)].tolist()
            linear = rows.drop_duplicates("lag")
            axis.plot(linear.lag, log10(linear.linear.to_numpy(dtype=float)), color=ink(), linestyle="--", linewidth=1)
        low, high = decades(np.array(drawn))
        for __, column in panels:
            for axis in column:
                powers_axis(axis, low, high)
        label_outer(figure, _("lag (steps before the answer)"), "")
        for axis, when in zip(panels[0][1], (BEFORE, AFTER), strict=True):
            axis.set_ylabel(f"{moment_in_words(when)}\n{_('difference / ε')}")
        keys = [
            Line2D([], [], color=shade, linewidth=2, label=f"ε = {as_typed(size)}")
            for size, shade in zip(sizes, shades("#808080", len(sizes)), strict=True)
        ]
        keys.append(Line2D([], [], color=ink(), linestyle="--", linewidth=1, label=_("by the gradient")))
        key(figure, keys)
        note(figure, remark)
        return figure
