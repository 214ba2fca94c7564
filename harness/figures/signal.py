"""Signal and noise in the gradient by lag, of what the probe `signal` measured."""

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

if TYPE_CHECKING:
    from matplotlib.figure import Figure as Canvas

    from harness.tables.tables import Tables


class Signal(Figure):
    """The gradient's mean over samples against its spread, before and after training."""

    name = "signal"
    title = "Does the far past send signal or noise?"
    caption = (
        "Every sample sends a gradient of its own back to the memory of the cell, so many steps before the answer (the "
        "lag). The line is the length of their mean, divided by the size of the deviations from it. Well above the "
        "dashed line, samples agree on where the state should have gone. On the dashed line their directions are like "
        "random ones: the past sends noise. Below it they cancel each other, as where different answers pull in "
        "opposite ways. Whether a gradient arrives at all is another question; see the gradient profile. The dotted "
        "line marks the cue. With several layers it is the top one."
    )
    order = 66
    probes = ("signal",)

    def draw(self, tables: Tables) -> Canvas | None:
        """A column per cell: the ratio by lag."""
        from matplotlib.lines import Line2D

        best, remark = best_runs(tables, "signal")
        if not len(best):
            return None
        figure, panels = columns(best, rows=1, height=3.0)
        axes, drawn = {run.run_id: column[0] for run, column in panels}, False
        for run, __, colour, rows in before_and_after(tables, "signal", best):
            rows = rows[(rows.layer == run.num_layers) & (rows.part == run.memory)].sort_values("lag")
            ratio = rows.ratio.where(np.isfinite(rows.ratio) & (rows.ratio > 0))
            axis, drawn = axes[run.run_id], drawn or bool(ratio.notna().any())
            axis.plot(rows.lag, ratio, color=colour, linewidth=1.6, marker="o" if ratio.notna().sum() == 1 else "")
            axis.plot(rows.lag, rows.noise.where(np.isfinite(rows.noise)), color=ink(), linestyle="--", linewidth=0.8)
        for run, (axis,) in panels:
            if np.isfinite(cue := float(run.answer_step - run.cue_step)):
                mark(axis, cue)
            if not drawn:
                continue
            axis.set_yscale("log")
            for places in (axis.yaxis.set_major_formatter, axis.yaxis.set_minor_formatter):
                places(lambda value, _: f"{value:g}")
        label_outer(figure, _("lag (steps before the answer)"), _("mean gradient / spread"))
        random = Line2D([], [], color=ink(), linestyle="--", linewidth=0.8, label=_("random directions"))
        key_of_moments(figure, tables, "signal", best, [random])
        note(figure, remark)
        return figure
