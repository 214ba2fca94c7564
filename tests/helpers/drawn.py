"""Figures drawn from made tables, and what is on them."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import seaborn as sns  # noqa: F401 -- what its import warns of is not the figures'
from matplotlib.axes import Axes
from matplotlib.figure import Figure as Canvas

from harness.figures import Figure
from harness.plugins.registry import registry
from harness.report.rendering import styled
from harness.tables import Tables

STANDARD = [
    plugin for plugin in registry().of_kind("figure") if not (plugin.target.probes or plugin.target.experiments)
]
FIGURES = [
    plugin.name for plugin in STANDARD if plugin.name not in ("accuracy_by_option", "edge_of_chaos", "generalization")
]
"""Those that draw any table; the others have tests of their own."""

THIN = 0.7
"""Points: no line of a median is thinner."""

SMALL = {"lengths": (10,), "scales": (0.9,)}


def colour(cell: str) -> str:
    """The colour that a shipped cell has of its own."""
    return str(registry().get("cell", cell).colour)


def figure(name: str) -> Figure:
    found: Figure = registry().get("figure", name)()
    return found


def draw(name: str, tables: Tables, laid_out: bool = False) -> Canvas | None:
    """Draw with every warning an error: an empty slice, a bad limit.

    Args:
        laid_out: work out where everything is, too, as a file needs it: that takes longer than the drawing, and warns
            of a missing glyph or of panels without room. What is drawn can be read without.
    """
    with warnings.catch_warnings(), styled():
        warnings.simplefilter("error")
        warnings.simplefilter("ignore", ImportWarning)  # of how a library is imported, not of what is drawn
        drawn = figure(name).draw(tables)
        if drawn is not None and laid_out:
            drawn.draw_without_rendering()
    assert plt.get_fignums() == []
    return drawn


def panel(drawn: Canvas, title: str) -> Axes:
    (axis,) = [axis for axis in drawn.axes if axis.get_title() == title]
    return axis


def lines(axis: Axes, cell: str) -> Iterator[np.ndarray]:
    """Data of the drawn lines of a cell, as (n, 2) arrays; not of those of single runs."""
    for line in axis.lines:
        if line.get_color() == colour(cell) and line.get_linestyle() == "-" and line.get_linewidth() > THIN:
            yield np.asarray(line.get_xydata())


def single_runs(axis: Axes, cell: str) -> list[np.ndarray]:
    """Data of the thin lines of a cell, a run each, as (n, 2) arrays."""
    drawn = [line for line in axis.lines if line.get_color() == colour(cell) and line.get_linestyle() == "-"]
    return [np.asarray(line.get_xydata()) for line in drawn if line.get_linewidth() <= THIN]


def names(drawn: Canvas | None) -> set[str]:
    """What the legends of a figure name."""
    assert drawn is not None
    return {text.get_text() for each in drawn.legends for text in each.get_texts()}


def with_gradients(tables: Tables, change: Callable[[pd.DataFrame], pd.Series]) -> Tables:
    """The tables with another grad_norm, of the whole loss and of the answer alone."""
    return Tables({**tables, **{name: tables[name].assign(grad_norm=change) for name in ("gradients", "transport")}})
