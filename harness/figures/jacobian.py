"""Singular values of the way back from the answer, of what the probe `jacobian` measured."""

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
    from matplotlib.figure import Figure as Canvas

    from harness.tables.tables import Tables

LOWEST = -16.0
"""Exponents below it are drawn at the edge: double precision holds no more of a state than that."""


class Jacobian(Figure):
    """Singular values of d s_T / d s_t by lag, and how the answer's gradient lies among their directions."""

    name = "jacobian"
    title = "In how many directions the past still matters"
    caption = (
        "Move the state a little, so many steps before the answer (the lag). Then the state at the answer moves too, "
        "by a factor that depends on the direction. These factors are the singular values of the Jacobian. Upper "
        "panels: the band reaches from the smallest to the largest factor (geometric means over sequences), the thin "
        "lines are the largest few. A band that sinks as a whole has lost everything. One whose upper edge stays near "
        "10⁰ keeps at least one direction. One that widens keeps some directions and forgets the others. What is "
        "smaller than 10⁻¹⁶ lies on the lower edge. Lower panels: |cosine| between the direction that matters most and "
        "the gradient of the answer. Near 1, the gradient uses the best way there is. The dotted line is what a random "
        "direction would have. With several layers it is the top one."
    )
    order = 62
    probes = ("jacobian",)

    def draw(self, tables: Tables) -> Canvas | None:
        """A column per cell: singular values by lag above, alignment below."""
        best, remark = best_runs(tables, "jacobian")
        if not len(best):
            return None
        figure, panels = columns(best, rows=2)
        axes = {run.run_id: column for run, column in panels}
        exponents = [0.0]
        for run, __, colour, rows in before_and_after(tables, "jacobian", best):
            upper, lower = axes[run.run_id]
            rows = rows[rows.layer == run.num_layers].assign(log10_value=lambda each: each.log10_value.clip(LOWEST))
            by_rank = rows.pivot_table(index="lag", columns="rank", values="log10_value", aggfunc="mean")
            if not by_rank.size:
                continue
            exponents += by_rank.to_numpy()[np.isfinite(by_rank.to_numpy())].tolist()
            for rank in by_rank.columns[: len(by_rank.columns) // 2 or 1]:
                upper.plot(by_rank.index, by_rank[rank], color=colour, linewidth=1.6 if rank == 1 else 0.6)
            largest, smallest = by_rank.iloc[:, 0], by_rank.iloc[:, -1]
            upper.fill_between(by_rank.index, smallest, largest, color=colour, alpha=0.2, linewidth=0)
            top = rows[rows["rank"] == 1].groupby("lag").right.mean()
            lower.plot(top.index, top, color=colour, linewidth=1.6)
            size = rows["rank"].max()
            lower.axhline(np.sqrt(2 / (np.pi * size)), color=ink(), linestyle=":", linewidth=1)
        low, high = decades(np.array(exponents))
        for _run, (upper, lower) in panels:
            upper.axhline(0, color=ink(), linewidth=0.6)
            powers_axis(upper, low, high)
            lower.set_ylim(0, 1.02)
        label_outer(figure, _("lag (steps before the answer)"), "")
        panels[0][1][0].set_ylabel(_("singular values"))
        panels[0][1][1].set_ylabel(_("|cosine| of the top direction\nwith the gradient"))
        key_of_moments(figure, tables, "jacobian", best)
        note(figure, remark)
        return figure
