"""The factor per step over length and weight scale, as heat maps."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from harness.analysis import by_condition, finished
from harness.analysis.families import many
from harness.base.language import gettext as _
from harness.figures.base import Figure
from harness.figures.drawing.by_cell import CROWD_SCALES, by_length_and_scale, maps_by_cell, within
from harness.figures.drawing.crowd import at_longest
from harness.figures.drawing.notes import averaged_over, note
from harness.figures.drawing.panels import with_memory
from harness.figures.drawing.tiles import heat_map, maps_of_cells, name_tiles, tiles, write_in_tiles

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure as Canvas

    from harness.tables.tables import Tables

TICKS = (0.5, 0.6, 0.8, 1.0, 1.25, 1.6, 2.0)
"""Factors named in the colour bar."""

WIDEST = np.log(TICKS[-1])
"""Largest |log factor| of the colour scale, the same in all maps so that they can be compared.

Of the networks of the shipped studies, before and after training, 97 % are within it. At 0.5, a thousandth is left
after ten steps.
"""


class DecayMap(Figure):
    """Factor per step over length and weight scale, before and after training."""

    name = "decay_map"
    title = "Vanishing or exploding: the factor per step"
    caption = (
        "What one step back multiplies an answer's gradient by, on average. It is a median over the runs in which one "
        "factor describes the way back. Blue vanishes, red explodes, white (1, marked in the colour bar) keeps it. "
        "After a training that solved the task, red does not explode: it rises towards what has to be remembered. "
        "Beyond 0.5 and 2 the colour stays the same. Above is before training, below after it; of many cells, left and "
        "right. 0: no gradient reaches any earlier step. –: no factor describes the way back."
    )
    order = 40

    def draw(self, tables: Tables) -> Canvas | None:
        """Two rows of heat maps, a column per cell."""
        runs = finished(tables.runs)
        if not len(runs):
            return None
        if many(runs):
            return _draw_crowd(runs)
        runs, others = with_memory(runs)
        figure, axes, cells, groups, runs, remark, size = maps_of_cells(runs, rows=2, head=0.4, tile=0.5)
        for row, (column, when) in enumerate((("rate_init", _("before\ntraining")), ("rate", _("after\ntraining")))):
            for axis, cell in zip(axes[row], cells, strict=True):
                rates = tiles(groups, cell, column).astype(float)
                heat_map(axis, rates.clip(-WIDEST, WIDEST), -WIDEST, WIDEST, "RdBu_r")
                write_in_tiles(axis, rates.map(_factor), size)
                axis.set_title(cell if row == 0 else "")
                name_tiles(axis, groups)
                axis.label_outer()
            axes[row][0].set_ylabel(f"{when}\n{axes[row][0].get_ylabel()}".rstrip())
        _bar(figure, axes[0][0], list(axes.flat))
        note(figure, averaged_over(runs), others, remark)
        return figure


def _draw_crowd(runs: pd.DataFrame) -> Canvas:
    """A row per cell, family after family; a column per weight scale, before and after training."""
    longest, which = at_longest(runs)
    shown, remark = within(longest, 1, CROWD_SCALES)
    groups = by_condition(shown)
    before = by_length_and_scale(groups.assign(steps=_("before training")), "rate_init")
    after = by_length_and_scale(groups.assign(steps=_("after training")), "rate")
    figure, axes = maps_by_cell(
        shown, before.join(after), _factor, vmin=-WIDEST, vmax=WIDEST, cmap="RdBu_r"
    )  # fmt: skip
    _bar(figure, axes[0], axes)
    note(figure, which, averaged_over(shown), remark)
    return figure


def _bar(figure: Canvas, drawn: Axes, beside: list[Axes]) -> None:
    """The colour bar, with factors for their logarithms."""
    bar = figure.colorbar(drawn.collections[0], ax=beside, label=_("factor per step"), fraction=0.03, extend="both")
    bar.set_ticks(list(np.log(TICKS)), labels=[f"{tick:g}" for tick in TICKS])
    bar.ax.axhline(0, color="#000000", linewidth=2)


def _factor(rate: float) -> str:
    if np.isnan(rate):
        return "–"
    return "0" if np.isneginf(rate) else f"{np.exp(np.clip(rate, -700, 700)):.3g}"
