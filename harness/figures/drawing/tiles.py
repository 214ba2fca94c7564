"""Heat maps: a tile per length and weight scale, with its value written on it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from harness.analysis.conditions import by_condition
from harness.analysis.families import MOST_CELLS, in_order
from harness.base.language import gettext as _
from harness.figures.drawing.canvas import canvas
from harness.figures.drawing.colours import GREY, ink
from harness.figures.drawing.panels import MOST_PANELS, at_most

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure as Canvas

MOST_TILES = 20
"""Most tiles of a heat map one below the other."""

MOST_COLUMNS = 56
"""Most tiles side by side, in all maps of a figure: in more, nothing could be written."""

EQUAL_CONTRAST = 0.179
"""The relative luminance on which black and white are read equally well."""


def tiles(groups: pd.DataFrame, cell: str, column: str) -> pd.DataFrame:
    """A cell's values, a row per length and a column per weight scale of all cells: maps side by side share rows."""
    table = groups[groups.who == cell].pivot(index="seq_len", columns="weight_scale", values=column)
    return table.reindex(index=sorted(groups.seq_len.unique()), columns=sorted(groups.weight_scale.unique()))


class Maps(NamedTuple):
    """Room for heat maps, rows of one for each cell.

    Attributes:
        axes: (rows, cells).
        groups: the conditions that are shown.
        runs: those that are shown, and ``remark``: what is said of others.
        size: of what is written in tiles.
    """

    figure: Canvas
    axes: Any
    cells: list[str]
    groups: pd.DataFrame
    runs: pd.DataFrame
    remark: str
    size: float


def maps_of_cells(runs: pd.DataFrame, rows: int, head: float, tile: float) -> Maps:
    """Room for so many rows of maps, of as many cells, lengths and weight scales as can be read.

    Args:
        head, tile: heights in inches, of what stands over a row of maps and of a tile.
    """
    columns = max(3, MOST_COLUMNS // min(runs.who.nunique(), MOST_CELLS))
    runs, remark = at_most(runs, lengths=MOST_TILES, scales=columns)
    cells, groups = in_order(runs), by_condition(runs)
    lengths, scales = groups.seq_len.nunique(), groups.weight_scale.nunique()
    figure = canvas(1.5 + len(cells) * (0.8 + 0.62 * scales), 1.6 + rows * (head + tile * lengths))
    axes = figure.subplots(rows, len(cells), squeeze=False, sharey=True, sharex="col")
    return Maps(figure, axes, cells, groups, runs, remark, _font(figure, len(cells) * (scales + 1)))


def heat_map(axis: Axes, values: pd.DataFrame, low: float, high: float, colours: str) -> None:
    """Draw values as tiles, one below the other and side by side as they stand in the table; what is missing is open.

    Args:
        low, high: what has the first and the last of the colours, and whatever is beyond.
    """
    import seaborn as sns

    # With names, seaborn would measure each of them, and every one would keep a picture of the whole figure.
    sns.heatmap(
        values, ax=axis, vmin=low, vmax=high, cmap=colours, cbar=False, linewidths=0.5, linecolor=GREY,
        xticklabels=False, yticklabels=False,
    )  # fmt: skip


def name_tiles(axis: Axes, groups: pd.DataFrame) -> None:
    """Names of a map's columns and rows where there are several: a single one tells no tiles apart."""
    scales, lengths = sorted(groups.weight_scale.unique()), sorted(groups.seq_len.unique())
    axis.set(xlabel=_("weight scale"), ylabel=_("steps"))
    axis.set_xticks(np.arange(len(scales)) + 0.5, map(str, scales))
    axis.set_yticks(np.arange(len(lengths)) + 0.5, map(str, lengths), va="center")
    axis.tick_params(rotation=0, length=0)
    if len(scales) == 1:
        axis.set(xlabel="", xticks=[])
    if len(lengths) == 1:
        axis.set(ylabel="", yticks=[])
    _turn_crowded_names(axis)


def write_in_tiles(axis: Axes, words: pd.DataFrame, size: float) -> None:
    """Write into every tile of a heat map, in black or white, whichever is read more easily on its colour."""
    colours = _colours(axis, words.shape)
    for (i, j), word in np.ndenumerate(words.to_numpy()):
        axis.text(
            j + 0.5, i + 0.5, word, color=_readable_on(colours[i, j]), ha="center", va="center", fontsize=size
        )  # fmt: skip


def mark_in_tiles(axis: Axes, place: tuple[int, int], shape: tuple[int, int], shares: NDArray[np.float64]) -> None:
    """Dots at the lower edge of a tile, each as far to the right as its share of 1 is large.

    Args:
        place: row and column of the tile, in a heat map of this ``shape``.
    """
    row, column = place
    x, y = column + 0.1 + 0.8 * shares, np.full(len(shares), row + 0.84)
    axis.plot(x, y, ".", color=_readable_on(_colours(axis, shape)[place]), markersize=4.5, alpha=0.8, clip_on=False)


def _colours(axis: Axes, shape: tuple[int, ...]) -> NDArray[np.float64]:
    """The colours of the tiles of a heat map, (rows, columns, 4)."""
    from matplotlib.collections import QuadMesh

    (mesh,) = (each for each in axis.collections if isinstance(each, QuadMesh))
    values = mesh.get_array()
    assert values is not None
    return np.reshape(mesh.to_rgba(np.ma.masked_invalid(values)), (*shape, 4))


def _turn_crowded_names(axis: Axes) -> None:
    """Turn the names of many columns, so that they do not run into each other."""
    if len(axis.get_xticks()) > MOST_PANELS:
        axis.tick_params(axis="x", rotation=90, labelsize=8)


def _font(figure: Canvas, tiles: int) -> float:
    """A size at which five digits fit into a tile, for that many tiles side by side."""
    return float(np.clip(72 * (figure.get_size_inches()[0] - 2) / tiles / 3.4, 5, 10))


def _readable_on(colour: NDArray[np.float64]) -> str:
    """Black or white by the contrast of WCAG; ink where there is no tile."""
    red, green, blue, alpha = colour
    if alpha == 0:
        return ink()
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in (red, green, blue)]
    return "#ffffff" if np.dot([0.2126, 0.7152, 0.0722], linear) < EQUAL_CONTRAST else "#000000"
