"""Lyapunov spectra before and after training, of what the probe `lyapunov` measured."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from harness.base.language import gettext as _
from harness.figures.base import Figure
from harness.figures.drawing.canvas import label_outer
from harness.figures.drawing.colours import ink
from harness.figures.drawing.notes import note
from harness.figures.drawing.probed import BEFORE, before_and_after, best_runs, columns, key_of_moments

if TYPE_CHECKING:
    from matplotlib.figure import Figure as Canvas

    from harness.tables.tables import Tables

DEEPEST = -3.0
"""Exponents below it are drawn at the edge: a twentieth is left after one step."""


class Lyapunov(Figure):
    """The Lyapunov exponents of the best run of each cell, from the largest to the smallest."""

    name = "lyapunov"
    title = "How fast neighbouring states part, or become one"
    caption = (
        "Two states differ a little, in a network that reads the same long sequence. After n steps they differ e^(λn) "
        "times as much; λ depends on the direction in which they differ. Each point is one direction, from the slowest "
        "to forget to the fastest. The axis gives λ per step. Points on the line at 0 keep a difference for ever. "
        "Points below forget it. Points above blow it up, which is chaos. The largest λ is also the logarithm of a "
        "gradient's factor per step on very long ways. The band is two standard errors wide on either side. D is the "
        "number of dimensions that states fill in the long run (Kaplan and Yorke). What is below -3 per step lies on "
        "the lower edge. With several layers it is the top one."
    )
    order = 63
    probes = ("lyapunov",)

    def draw(self, tables: Tables) -> Canvas | None:
        """A column per cell: exponents by rank, before and after training."""
        best, remark = best_runs(tables, "lyapunov")
        if not len(best):
            return None
        figure, panels = columns(best, rows=1, height=3.0)
        axes = {run.run_id: column[0] for run, column in panels}
        said: dict[str, list[str]] = {}
        for run, when, colour, rows in before_and_after(tables, "lyapunov", best):
            axis, rows = axes[run.run_id], rows[rows.layer == run.num_layers].sort_values("rank")
            exponent, error = rows.exponent.clip(DEEPEST, -DEEPEST), 2 * rows.se.fillna(0)
            share = rows["rank"] / len(rows)
            axis.fill_between(share, exponent - error, exponent + error, color=colour, alpha=0.25, linewidth=0)
            axis.plot(share, exponent, ".", color=colour, markersize=4)
            if len(rows):
                first, dimension = rows.iloc[0].exponent, rows.iloc[0].dimension
                numbers = f"λ₁ = {first:.3f}, D = {dimension:.1f}"
                pattern = _("before: {numbers}") if when == BEFORE else _("after: {numbers}")
                said.setdefault(run.run_id, []).append(pattern.format(numbers=numbers))
        for run, (axis,) in panels:
            axis.axhline(0, color=ink(), linewidth=0.8)
            text = "\n".join(said.get(run.run_id, []))
            axis.text(0.03, 0.03, text, transform=axis.transAxes, fontsize=8, va="bottom")
        values = tables["lyapunov"].exponent[tables["lyapunov"].run_id.isin(best.run_id)].to_numpy(dtype=float)
        known = np.clip(values[np.isfinite(values)], DEEPEST, -DEEPEST)
        low, high = (known.min(), known.max()) if len(known) else (DEEPEST, 0.0)
        room = 0.12 * max(high - low, 0.1)
        panels[0][1][0].set_ylim(min(low, 0) - 2 * room, max(high, 0) + room)
        label_outer(figure, _("direction (share of all)"), _("λ per step"))
        key_of_moments(figure, tables, "lyapunov", best)
        note(figure, remark)
        return figure
