"""Heat maps of many cells: a row per cell, family after family, a column per condition."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from harness.analysis.families import families
from harness.analysis.words import spread
from harness.base.language import gettext as _
from harness.figures.drawing.canvas import canvas
from harness.figures.drawing.colours import GREY, palette
from harness.figures.drawing.crowd import with_room
from harness.figures.drawing.tiles import write_in_tiles
from harness.tables.varied import as_typed

if TYPE_CHECKING:
    from collections.abc import Callable

    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure as Canvas

MOST_ROWS = 52
"""About as many rows stand below each other: further families stand beside."""

CROWD_LENGTHS, CROWD_SCALES = 3, 4
"""Most lengths and weight scales beside each other."""

ROW, TILE, NAME = 0.2, 0.42, 1.6
"""Height of a row, width of a tile and of the names, in inches."""


def maps_by_cell(
    runs: pd.DataFrame, table: pd.DataFrame, written: Callable[[float], str], **colours: Any
) -> tuple[Canvas, list[Axes]]:
    """A table of values as tiles with the values written on them, families below and beside each other.

    Args:
        table: a row per cell or variant (the index is ``who``); columns have two levels, of which the upper one is
            written above its group.
        written: how a value is written.
        colours: ``vmin``, ``vmax`` and ``cmap`` of the tiles.

    Returns:
        The figure, and its axes from left to right.
    """
    stacks = in_stacks(families(runs))
    height = max(map(len, stacks))
    width = table.shape[1]
    figure = canvas(0.9 + len(stacks) * (NAME + TILE * width), 1.2 + ROW * height)
    axes = figure.subplots(1, len(stacks), squeeze=False)[0]
    shade = palette(runs)
    for axis, stack in zip(axes, stacks, strict=True):
        rows = table.reindex([who for _, who in stack])
        values = rows.to_numpy(dtype=np.float64)
        headed = np.array([not who for _, who in stack])
        edges = np.where(headed, "none", GREY).repeat(width)
        axis.pcolormesh(np.ma.masked_invalid(values), edgecolors=edges, linewidth=0.3, **colours)
        axis.set_ylim(height, 0)
        axis.set_xlim(0, width)
        write_in_tiles(axis, _words(rows, headed, written), 7)
        for place, (family, who) in enumerate(stack):
            if not who:
                first = next(name for own, name in stack[place:] if own == family and name)
                axis.text(
                    0, place + 0.55, family, color=shade[first], fontsize=9, fontweight="bold", va="center", ha="left"
                )  # fmt: skip
        _names(axis, stack, table.columns)
    return figure, list(axes)


def by_length_and_scale(groups: pd.DataFrame, value: str) -> pd.DataFrame:
    """Conditions as a table for `maps_by_cell`: a row per cell, columns by ``steps`` and weight scale.

    Args:
        groups: conditions, with the column ``steps``: what is written over a group of columns.
    """
    table = groups.pivot(index="who", columns=["seq_len", "steps", "weight_scale"], values=value).sort_index(axis=1)
    table = table.droplevel(0, axis="columns")  # lengths give the order, what is written above them stays
    return table.rename(columns=as_typed, level="weight_scale")


def within(runs: pd.DataFrame, lengths: int, scales: int) -> tuple[pd.DataFrame, str]:
    """The runs of no more cells, lengths and weight scales than tiles can show, spread evenly; a remark on others."""
    runs, remark = with_room(runs)
    remarks = [remark] if remark else []
    for column, most, words in (
        ("seq_len", lengths, _("{count} of {all} lengths are shown")),
        ("weight_scale", scales, _("{count} of {all} weight scales are shown")),
    ):
        known = sorted(runs[column].unique())
        runs = runs[runs[column].isin(spread(known, most))]
        if len(known) > most:
            remarks.append(words.format(count=most, all=len(known)))
    return runs, _("; ").join(remarks)


def in_stacks(kinds: dict[str, list[str]]) -> list[list[tuple[str, str]]]:
    """Rows from top to bottom, stack beside stack: (family, cell), with an empty cell for a family's heading.

    The largest families are placed first, each in the lowest stack; one that is higher goes on beside.
    """
    blocks = [
        [(family, ""), *((family, who) for who in members[start : start + MOST_ROWS - 1])]
        for family, members in kinds.items()
        for start in range(0, len(members), MOST_ROWS - 1)
    ]
    count = -(-sum(map(len, blocks)) // MOST_ROWS)
    stacks: list[list[list[tuple[str, str]]]] = [[] for _ in range(count)]
    for block in sorted(blocks, key=len, reverse=True):
        min(stacks, key=lambda stack: sum(map(len, stack))).append(block)
    order = sorted((sorted(stack) for stack in stacks if stack), key=lambda stack: stack[0])
    return [[row for block in stack for row in block] for stack in order]


def _words(rows: pd.DataFrame, headed: np.ndarray, written: Callable[[float], str]) -> pd.DataFrame:
    """What is written in the tiles: nothing in the row of a heading."""
    words = rows.astype(float).map(written)
    words[headed] = ""
    return words


def _names(axis: Axes, stack: Sequence[tuple[str, str]], columns: pd.Index) -> None:
    """Cells at the left; conditions above, with the name of their group over them."""
    places = [place for place, (_, who) in enumerate(stack) if who]
    axis.set_yticks([place + 0.5 for place in places], [stack[place][1] for place in places], fontsize=8)
    axis.set_xticks(np.arange(len(columns)) + 0.5, [str(low) for _, low in columns], fontsize=7)
    axis.tick_params(length=0, top=False, labeltop=True, labelbottom=False)
    for spine in axis.spines.values():
        spine.set_visible(False)
    groups = [str(high) for high, _ in columns]
    for name in dict.fromkeys(groups):
        own = [place for place, each in enumerate(groups) if each == name]
        middle = (own[0] + own[-1] + 1) / 2
        axis.annotate(
            name, (middle, 1), (0, 16), xycoords=("data", "axes fraction"), textcoords="offset points", ha="center",
            va="bottom", fontsize=8,
        )  # fmt: skip
        if own[0]:
            axis.axvline(own[0], color=GREY, linewidth=1.5)
