"""A picture of what has changed: a row for each condition, a dot for each seed, the mean with its interval."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from harness.analysis.about_comparison import name_of
from harness.analysis.comparison import Comparison
from harness.analysis.measures import Measure
from harness.base.language import gettext as _
from harness.figures.drawing.canvas import canvas, grid
from harness.figures.drawing.colours import GREY, ink
from harness.figures.drawing.notes import note

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure as Canvas

MOST_DRAWN = 30
"""Most conditions in a picture: those whose change is certain first, then those that have changed most."""

COLOURS = {"better": "#2f8f5b", "worse": "#d0553f", "higher": "#3f7fd0", "lower": "#3f7fd0", "": GREY}
"""Of means, by what is certain; all are seen on light and on dark pages."""

LONGEST = 60
"""Characters of a condition's name above its row."""

WIDTH = 4.6
"""Inches: on a phone a picture of this width is still legible, so names stand above rows and not beside them."""

ROW = 0.46


def draw(found: Comparison, measure: Measure) -> Canvas:
    """The changes of a measure, in all conditions in which there is one."""
    from matplotlib import transforms

    rows = found.table[(found.table.measure == measure.name) & found.table.change.notna()]
    shown = _most_telling(rows, measure)
    figure = canvas(WIDTH, 0.8 + ROW * len(shown))
    axis = figure.subplots()
    axis.axvline(_none(measure), color=ink(), linewidth=1)
    if measure.by_factor:
        axis.set_xscale("log")
    dots = found.dots[found.dots.measure == measure.name].groupby("condition").change
    for place, row in enumerate(shown.itertuples()):
        own = _on_axis(measure, dots.get_group(row.condition).to_numpy())
        _mean(axis, place, row, measure)
        axis.plot(own, _apart(place, len(own)), ".", color=ink(), alpha=0.7, markersize=5, linewidth=0, zorder=5)
        above = transforms.blended_transform_factory(axis.transAxes, axis.transData)
        axis.text(0, place - 0.3, _beginning(str(row.condition)), transform=above, fontsize=9, va="center", color=ink())
    axis.set_yticks([])
    axis.spines["left"].set_visible(False)
    axis.set_ylim(len(shown) - 0.55, -0.6)
    axis.set_xlabel(_label(measure))
    grid(axis)
    if len(shown) < len(rows):
        note(figure, _("{shown} of {all} conditions").format(shown=len(shown), all=len(rows)))
    return figure


def caption(measure: Measure) -> str:
    """How to read the picture of a measure."""
    side = {
        1: _("To the right of the line it is better after the change."),
        -1: _("To the left of the line it is better after the change."),
        0: _("To the right of the line it is larger after the change."),
    }
    return " ".join(
        [
            _("Each row is a condition, and each small dot a seed."),
            side[measure.better],
            _("A triangle is a mean whose change is certain; a ring is one that may be chance."),
            _("The bar is its 95 % interval; fewer than three seeds have none."),
        ]
    )


def _most_telling(rows: pd.DataFrame, measure: Measure) -> pd.DataFrame:
    """As many rows as a picture has room for, in their order."""
    if len(rows) <= MOST_DRAWN:
        return rows
    change = np.log(rows.change) if measure.by_factor else rows.change
    order = rows.assign(sure=rows.claim != "", size=change.abs()).sort_values(["sure", "size"], ascending=False)
    return rows.loc[sorted(order.index[:MOST_DRAWN])]


def _mean(axis: Axes, place: int, row: Any, measure: Measure) -> None:
    """The mean of a condition and its interval."""
    colour = COLOURS[row.claim]
    change, low, high = _on_axis(measure, np.array([row.change, row.low, row.high]))
    axis.plot([low, high], [place, place], color=colour, linewidth=2.2, solid_capstyle="butt", zorder=3)
    right = change > _none(measure)
    marker = "o" if not row.claim else ">" if right else "<"
    face = colour if row.claim else "none"
    axis.plot(change, place, marker, color=colour, markerfacecolor=face, markersize=7, markeredgewidth=1.6, zorder=4)


def _none(measure: Measure) -> float:
    """Where no change stands."""
    return 1.0 if measure.by_factor else 0.0


def _on_axis(measure: Measure, values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Changes of accuracy in points."""
    return 100 * values if measure.name == "accuracy" else values


def _apart(place: int, count: int) -> NDArray[np.float64]:
    """Places of a row's dots, a little apart, so that equal ones are seen."""
    return place + 0.2 * (np.arange(count) - (count - 1) / 2) / max(count - 1, 1)


def _label(measure: Measure) -> str:
    if measure.name == "accuracy":
        return _("change of accuracy, in points")
    if measure.by_factor:
        return _("{measure}, after / before").format(measure=name_of(measure.name))
    return _("change of {measure}").format(measure=name_of(measure.name))


def _beginning(text: str) -> str:
    return text if len(text) <= LONGEST else f"{text[:LONGEST]} …"
