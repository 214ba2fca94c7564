"""What is drawn of many cells: a small panel for each, family after family, all on the same axes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from harness.analysis.families import families
from harness.analysis.words import evenly, spread
from harness.base.language import gettext as _
from harness.figures.drawing.canvas import canvas, grid
from harness.figures.drawing.colours import ink, palette, shades
from harness.figures.drawing.notes import key
from harness.tables.varied import as_typed

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure as Canvas
    from matplotlib.lines import Line2D

WIDTH = 11.0
"""Inches: in the column of a page, type keeps its size."""

COLUMNS = 8
"""Panels side by side."""

MOST_SCALES = 5
"""Most weight scales in a panel: more shades could not be told apart."""

MOST_PANELS = 160
"""Most cells in a figure."""

LOWEST, HIGHEST = -6.0, 3.0
"""Exponents of a gradient, relative to that at the answer, that small pictures show at most."""

LONGEST_NAME = 20
"""Most characters of a panel's title."""


def small_panels(runs: pd.DataFrame) -> tuple[Canvas, dict[str, Axes]]:
    """A small panel for every cell or variant, by its name; families follow each other, each under its name.

    A family that does not fit in what is left of a row begins a new one.
    """
    found = families(runs)
    places = in_rows([len(members) for members in found.values()])
    rows = 1 + max(row for row, __ in places)
    figure = canvas(WIDTH, 1.0 + 1.12 * rows)
    cells = figure.add_gridspec(rows, COLUMNS)
    colours = palette(runs)
    panels: dict[str, Axes] = {}
    taken = set(places)
    ordered = [(family, who) for family, members in found.items() for who in members]
    for (family, who), (row, column) in zip(ordered, places, strict=True):
        first = next(iter(panels.values()), None)
        axis = figure.add_subplot(cells[row, column], sharex=first, sharey=first)
        grid(axis)
        axis.set_title(who if len(who) <= LONGEST_NAME else f"{who[: LONGEST_NAME - 1]}…", fontsize=7.5, pad=3)
        axis.tick_params(labelsize=7, labelleft=column == 0, labelbottom=(row + 1, column) not in taken)
        if who == found[family][0]:
            axis.annotate(
                family, (0, 1), (0, 15), xycoords="axes fraction", textcoords="offset points", fontsize=10,
                fontweight="bold", color=colours[who], ha="left", va="bottom",
            )  # fmt: skip
        panels[who] = axis
    return figure, panels


def in_rows(sizes: Sequence[int]) -> list[tuple[int, int]]:
    """The row and column of every panel of families of these sizes."""
    found: list[tuple[int, int]] = []
    at = 0
    for size in sizes:
        left = -at % COLUMNS
        if left and size > left:
            at += left
        found += [divmod(at + place, COLUMNS) for place in range(size)]
        at += size
    return found


def lines_by_scale(
    figure: Canvas, panels: dict[str, Axes], rows: pd.DataFrame, runs: pd.DataFrame, x: str, y: str,
    extra: Sequence[Line2D] = (),
) -> str:  # fmt: skip
    """Draw a line for every weight scale into the panels, from light (the smallest) to dark, and say so in a legend.

    Args:
        rows: with the columns ``who``, ``weight_scale``, ``x`` and ``y``.
        extra: what else the legend names.

    Returns:
        A remark on weight scales that are not drawn; empty where all are.
    """
    from matplotlib.lines import Line2D

    known = sorted(runs.weight_scale.unique())
    scales, colours = spread(known, MOST_SCALES), palette(runs)
    by_line = dict([*rows.groupby(["who", "weight_scale"])])
    for who, axis in panels.items():
        for scale, shade in zip(scales, shades(colours[who], len(scales)), strict=True):
            if (who, scale) in by_line:
                line = by_line[who, scale].sort_values(x)
                axis.plot(line[x], line[y], color=shade, linewidth=1.2, marker="." if len(line) == 1 else "")
    keys = [
        Line2D([], [], color=grey, linewidth=2, label=_("weight scale {scale}").format(scale=as_typed(scale)))
        for scale, grey in zip(scales, shades("#808080", len(scales)), strict=True)
    ]
    keys = keys if len(keys) > 1 else []
    if keys or extra:
        key(figure, [*keys, *extra], size=9)
    left_out = _("{count} of {all} weight scales are shown").format(count=len(scales), all=len(known))
    return left_out if len(scales) < len(known) else ""


def at_longest(runs: pd.DataFrame) -> tuple[pd.DataFrame, str]:
    """The runs of the longest length, of no more cells than there is room for, and a remark that says so."""
    longest = runs[runs.seq_len == runs.seq_len.max()]
    length = (
        _("{steps} steps, the longest of those that were tried") if len(longest) < len(runs) else _("{steps} steps")
    )
    shown, left_out = with_room(longest)
    remarks = [length.format(steps=longest.seq_len.max()), left_out]
    return shown, _("; ").join(remark for remark in remarks if remark)


def with_room(runs: pd.DataFrame) -> tuple[pd.DataFrame, str]:
    """The runs of no more cells than there is room for, spread evenly; a remark on the others."""
    cells = [who for members in families(runs).values() for who in members]
    if len(cells) <= MOST_PANELS:
        return runs, ""
    shown = evenly(cells, MOST_PANELS)
    return runs[runs.who.isin(shown)], _("{count} of {all} cells and their variants are shown").format(
        count=MOST_PANELS, all=len(cells)
    )


def name_axes(figure: Canvas, panels: dict[str, Axes], x: str, y: str) -> None:
    """Name the axes of all panels once: at the left edge of the figure, and below the first panel of the last row."""
    figure.supylabel(y, fontsize=9)
    lowest = max(panels.values(), key=lambda axis: axis.get_subplotspec().rowspan.start)  # type: ignore[union-attr]
    lowest.set_xlabel(x, fontsize=8, loc="left")


def relative_to_first(rows: pd.DataFrame, key: str, value: str) -> pd.Series:
    """Logarithms ``value`` less the first finite one, by ``key``, of the same cell and weight scale."""
    finite = rows.assign(**{value: rows[value].where(np.isfinite(rows[value]))}).sort_values(key)
    first = finite.groupby(["who", "weight_scale"])[value].transform("first")
    return rows[value] - first.reindex(rows.index)


def mark(axis: Axes, place: float) -> None:
    """A dotted line across a panel."""
    axis.axvline(place, color=ink(), linestyle=":", linewidth=0.8)
