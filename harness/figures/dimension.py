"""How many directions the states fill, of what the probe `dimension` measured."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from harness.base.language import gettext as _
from harness.figures.base import Figure
from harness.figures.drawing.canvas import canvas, grid
from harness.figures.drawing.colours import palette
from harness.figures.drawing.crowd import mark
from harness.figures.drawing.notes import note
from harness.figures.drawing.probed import best_runs, first_and_last, named, of_top_layer

if TYPE_CHECKING:
    from matplotlib.figure import Figure as Canvas

    from harness.tables.tables import Tables


class Dimension(Figure):
    """Participation ratio and effective rank over the steps, before and after the training."""

    name = "dimension"
    title = "In how many directions the states differ"
    caption = (
        "The best run of each cell, the memory of its top layer. It shows in how many directions the states of "
        "different samples differ, at each step. The solid line is the participation ratio: it counts directions by "
        "how much of the variance they hold. The dashed line is the effective rank: small directions add more to it. "
        "Thin lines are before the training, thick ones after it. A dotted line marks the cue. A task of eight classes "
        "needs no more than seven directions. A network that has learned it often has fewer than it began with; one "
        "that lets everything through has many."
    )
    order = 63
    probes = ("dimension",)

    def draw(self, tables: Tables) -> Canvas | None:
        """A panel per cell."""
        best, remark = best_runs(tables, "dimension")
        if not len(best):
            return None
        rows = of_top_layer(tables, "dimension", best, "memory")
        rows = rows[rows.part == rows.memory]
        figure, colours = canvas(1.2 + 2.7 * len(best), 3.1), palette(best)
        axes = figure.subplots(1, len(best), squeeze=False, sharey=True)[0]
        for axis, (__, run) in zip(axes, best.iterrows(), strict=True):
            grid(axis)
            for own, width in zip(first_and_last(rows[rows.run_id == run.run_id]), (0.8, 2.0), strict=True):
                own = own.sort_values("t")
                for column, style in (("participation_ratio", "-"), ("effective_rank", "--")):
                    values = own[column].where(np.isfinite(own[column]))
                    axis.plot(own.t, values, style, color=colours[run.who], linewidth=width)
            if np.isfinite(run.cue_step):
                mark(axis, run.cue_step)
            axis.set(title=named(run, best), xlabel=_("time step"))
        axes[0].set(ylabel=_("directions"), ylim=(0, None))
        note(figure, remark)
        return figure
