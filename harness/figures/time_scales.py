"""How long units remember, of what the probe `time_scales` measured."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from harness.base.language import gettext as _
from harness.figures.base import Figure
from harness.figures.drawing.canvas import canvas, grid
from harness.figures.drawing.colours import ink, palette
from harness.figures.drawing.notes import note
from harness.figures.drawing.probed import best_runs, first_and_last, named, of_top_layer

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure as Canvas

    from harness.tables.tables import Tables

LONGEST = 1e5
"""Steps at which units are drawn that keep for longer, or for ever."""


class TimeScales(Figure):
    """The time scales of all units, sorted, before and after the training."""

    name = "time_scales"
    title = "For how many steps a unit remembers"
    caption = (
        "The best run of each cell whose units keep something by themselves, top layer. Units are sorted, from the one "
        "that forgets soonest (left) to the one that remembers longest. The height is the number of steps over which a "
        "unit keeps what it holds, by its gates, leaks or factors alone. The thin line is before the training, the "
        "thick one after it. The dotted line is the distance from the cue to the answer. Units above it can carry what "
        "has to be remembered all the way by themselves. Units below it need the help of others. What lies at the "
        "upper edge keeps for ever."
    )
    order = 61
    probes = ("time_scales",)

    def draw(self, tables: Tables) -> Canvas | None:
        """A panel per cell."""
        best, remark = best_runs(tables, "time_scales")
        if not len(best):
            return None
        rows = of_top_layer(tables, "time_scales", best)
        figure, colours = canvas(1.2 + 2.7 * len(best), 3.1), palette(best)
        axes = figure.subplots(1, len(best), squeeze=False, sharey=True)[0]
        for axis, (__, run) in zip(axes, best.iterrows(), strict=True):
            grid(axis)
            for own, width in zip(first_and_last(rows[rows.run_id == run.run_id]), (0.8, 2.0), strict=True):
                _sorted(axis, own, colours[run.who], width)
            if np.isfinite(distance := float(run.answer_step - run.cue_step)) and distance > 0:
                axis.axhline(distance, color=ink(), linestyle=":", linewidth=0.8)
            axis.set(title=named(run, best), xlabel=_("unit, sorted"))
        axes[0].set_yscale("log")
        axes[0].set(ylim=(0.9, _top(rows)), ylabel=_("steps that it remembers"))
        note(figure, remark)
        return figure


def _sorted(axis: Axes, rows: pd.DataFrame, colour: str, width: float) -> None:
    steps = rows.steps.to_numpy(dtype=float)
    steps = np.sort(np.minimum(steps[~np.isnan(steps)], LONGEST))
    axis.plot(np.arange(1, len(steps) + 1), steps, color=colour, linewidth=width, marker="." if len(steps) == 1 else "")


def _top(rows: pd.DataFrame) -> float:
    """The upper edge: beyond the longest time that is finite, where units that keep for ever do not set it."""
    known = rows.steps.to_numpy(dtype=float)
    known = known[np.isfinite(known)]
    return float(min(LONGEST, max(30.0, 2 * known.max(initial=1.0))))
