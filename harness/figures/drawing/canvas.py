"""An empty figure, and what is on the axes of many: grid lines, chance levels, names at the outer edges."""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.figures.drawing.colours import GREY, ink

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure as Canvas

MAX_WIDTH = 16.0
"""Inches that no figure is wider than."""


def canvas(width: float, height: float) -> Canvas:
    """An empty figure that pyplot does not know of."""
    from matplotlib.figure import Figure as Canvas

    return Canvas(figsize=(min(width, MAX_WIDTH), height), layout="constrained")


def grid(axis: Axes) -> None:
    """Thin lines in a grey that is seen on light and on dark pages."""
    axis.grid(True, color=GREY, linewidth=0.5, alpha=0.35)


def chance_levels(axis: Axes, runs: pd.DataFrame) -> None:
    """A dashed line at every chance level of some runs: it may depend on the length."""
    for level in runs.chance.dropna().unique():
        axis.axhline(level, color=ink(), linestyle="--", linewidth=1)


def label_outer(figure: Canvas, x: str, y: str) -> None:
    """Name the axes of a grid of panels at its left and its lower edge only."""
    for axis in figure.axes:
        place = axis.get_subplotspec()
        assert place is not None
        axis.set_xlabel(x if place.is_last_row() else "")
        axis.set_ylabel(y if place.is_first_col() else "")
