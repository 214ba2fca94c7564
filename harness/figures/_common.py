"""What the figures share: colours, grids of panels, and the rows of the tables that they draw."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.collections import QuadMesh
from matplotlib.figure import Figure as Canvas
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray

from harness.findings import SETTING, spread
from harness.tables import RUN_OUTCOMES

COLOURS = {
    "feedforward": "#8a8d91",
    "linear": "#9467bd",
    "rnn": "#d9480f",
    "rnn_relu": "#e0a100",
    "gru": "#12967a",
    "lstm": "#2f7fd1",
}
"""One colour per built-in cell, told apart by colour-blind readers, on light and on dark pages."""

FURTHER_COLOURS = ["#4fbcec", "#8c3050", "#d16ba5", "#6a8f1f", "#a0683a"]
"""Colours of other cells. The first two are far from all built-in ones, and from each other, for colour-blind readers
too; there is no room for many that are."""

GREY = "#808489"
"""Grid lines and borders of tiles."""

MAX_WIDTH = 16.0
MOST_PANELS = 6
"""Most panels side by side, and one below the other."""

MOST_TILES = 20
"""Most tiles of a heat map one below the other."""

MOST_COLUMNS = 56
"""Most tiles side by side, in all maps of a figure: in more, nothing could be written."""

MOST_NAMED = 12
"""Most values that a remark lists one by one."""

LEAST_DECADES = 2.0
EQUAL_CONTRAST = 0.179
"""The relative luminance on which black and white are read equally well."""


def palette(cells: Sequence[str]) -> dict[str, str]:
    """A colour for every cell, the same in all figures."""
    others = [cell for cell in sorted(cells) if cell not in COLOURS]
    further = {cell: FURTHER_COLOURS[place % len(FURTHER_COLOURS)] for place, cell in enumerate(others)}
    return {cell: COLOURS.get(cell) or further[cell] for cell in in_order(cells)}


def in_order(cells: Sequence[str]) -> list[str]:
    """Cells in the order of all figures: from the simplest to the richest, others after them."""
    known = list(COLOURS)
    return sorted(set(cells), key=lambda cell: (known.index(cell) if cell in known else len(known), cell))


def canvas(width: float, height: float) -> Canvas:
    """An empty figure that pyplot does not know of."""
    return Canvas(figsize=(min(width, MAX_WIDTH), height), layout="constrained")


def settled(figure: Canvas) -> Canvas:
    """The figure with its layout worked out once, instead of anew by every file that it is saved to."""
    engine = figure.get_layout_engine()
    assert engine is not None
    engine.execute(figure)
    figure.set_layout_engine("none")
    return figure


def panels(
    runs: pd.DataFrame, share_y: Literal["row", "all"] = "row"
) -> tuple[Canvas, list[tuple[Axes, pd.DataFrame]]]:
    """A grid of panels, a row per length and a column per weight scale, each with its runs (see `that_fit`).

    Lengths and weight scales are named where there are several: a single one tells no panels apart.
    """
    lengths, scales = sorted(runs.seq_len.unique()), sorted(runs.weight_scale.unique())
    figure = canvas(1.2 + 3.1 * len(scales), 1.0 + 2.3 * len(lengths))
    axes = figure.subplots(len(lengths), len(scales), squeeze=False, sharex="row", sharey=share_y)
    own = runs.groupby(["seq_len", "weight_scale"])
    found = []
    for i, length in enumerate(lengths):
        for j, scale in enumerate(scales):
            axis = axes[i][j]
            grid(axis)
            if i == 0 and len(scales) > 1:
                axis.set_title(f"weight scale {scale:g}")
            if j == len(scales) - 1 and len(lengths) > 1:
                axis.annotate(
                    f"{length} steps", (1.02, 0.5), xycoords="axes fraction", rotation=-90, va="center", ha="left"
                )
            here = own.get_group((length, scale)) if (length, scale) in own.groups else runs.head(0)
            found.append((axis, here))
    return figure, found


def that_fit(runs: pd.DataFrame, lengths: int = MOST_PANELS, scales: int = MOST_PANELS) -> tuple[pd.DataFrame, str]:
    """The runs of as many lengths and weight scales as can be told apart in one figure, and a remark on the others.

    Where there are more, those that are shown are spread evenly, the smallest and the largest among them.
    """
    remarks = []
    for column, most, words in (("seq_len", lengths, "lengths"), ("weight_scale", scales, "weight scales")):
        values = sorted(runs[column].unique())
        if len(values) > most:
            shown = spread(values, most)
            runs = runs[runs[column].isin(shown)]
            missing = [f"{value:g}" for value in values if value not in shown]
            named = ", ".join(missing) if len(missing) <= MOST_NAMED else f"{len(missing)} others"
            remarks.append(f"{most} of {len(values)} {words} are shown, without {named}")
    return runs, "; ".join(remarks)


def grid(axis: Axes) -> None:
    """Thin lines in a grey that is seen on light and on dark pages."""
    axis.grid(True, color=GREY, linewidth=0.5, alpha=0.35)


def chance_levels(axis: Axes, runs: pd.DataFrame) -> None:
    """A dashed line at every chance level of some runs: it may depend on the length."""
    for level in runs.chance.dropna().unique():
        axis.axhline(level, color=ink(), linestyle="--", linewidth=1)


def chance_key(runs: pd.DataFrame) -> list[Line2D]:
    """What the legend says of dashed lines at the chance level; nothing where no run has one."""
    drawn = runs.chance.notna().any()
    return [Line2D([], [], color=ink(), linestyle="--", linewidth=1, label="chance")] if drawn else []


def label_outer(figure: Canvas, x: str, y: str) -> None:
    """Names of the axes at the left and at the lower edge of a grid of panels only."""
    for axis in figure.axes:
        place = axis.get_subplotspec()
        assert place is not None
        axis.set_xlabel(x if place.is_last_row() else "")
        axis.set_ylabel(y if place.is_first_col() else "")


def tiles(groups: pd.DataFrame, cell: str, column: str) -> pd.DataFrame:
    """A cell's values, a row per length and a column per weight scale of all cells: maps side by side share rows."""
    table = groups[groups.cell == cell].pivot(index="seq_len", columns="weight_scale", values=column)
    return table.reindex(index=sorted(groups.seq_len.unique()), columns=sorted(groups.weight_scale.unique()))


def name_tiles(axis: Axes, groups: pd.DataFrame) -> None:
    """Names of a map's columns and rows where there are several: a single one tells no tiles apart."""
    axis.tick_params(rotation=0, length=0)
    axis.set(xlabel="weight scale", ylabel="steps")
    if groups.weight_scale.nunique() == 1:
        axis.set(xlabel="", xticks=[])
    if groups.seq_len.nunique() == 1:
        axis.set(ylabel="", yticks=[])
    crowd(axis)


def legend(figure: Canvas, cells: Sequence[str], extra: Sequence[Line2D] = ()) -> None:
    """One legend for the whole figure, above its panels."""
    colours = palette(cells)
    handles = [Line2D([], [], color=colours[cell], label=cell, linewidth=2) for cell in colours]
    figure.legend(
        handles=[*handles, *extra], loc="outside upper center", ncols=len(handles) + len(extra), frameon=False
    )


def note(figure: Canvas, *remarks: str) -> None:
    """Write remarks, in small, below all panels, a line each."""
    if text := "\n".join(remark for remark in remarks if remark):
        figure.supxlabel(text, fontsize=8, x=0.01, ha="left")


def averaged_over(runs: pd.DataFrame) -> str:
    """``each over 3 runs that differ in seed``; empty where every setting has one run."""
    counts = runs.groupby(SETTING).size()
    if not len(counts) or counts.max() == 1:
        return ""
    outcomes = {"run_id", *RUN_OUTCOMES, *SETTING}
    per_setting = runs.groupby(SETTING)
    names = [str(name) for name in runs if name not in outcomes and runs[name].nunique(dropna=False) > 1]
    differ = [key for key in names if (per_setting[key].nunique(dropna=False) > 1).any()]
    low, high = counts.min(), counts.max()
    return f"each over {low if low == high else f'{low} to {high}'} runs that differ in {', '.join(differ)}"


def log10(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """log10 of positive finite values, NaN elsewhere."""
    usable = np.isfinite(values) & (values > 0)
    return np.log10(values, out=np.full(values.shape, np.nan), where=usable)


def decades(exponents: NDArray[np.float64]) -> tuple[float, float]:
    """The range of the finite exponents, widened to `LEAST_DECADES` so that it holds whole powers of ten."""
    known = exponents[np.isfinite(exponents)]
    low, high = (float(known.min()), float(known.max())) if len(known) else (-1.0, 0.0)
    missing = max(0.0, LEAST_DECADES - (high - low)) / 2
    return low - missing, high + missing


def whole_powers(low: float, high: float) -> list[float]:
    """A handful of whole exponents between two exponents at least `LEAST_DECADES` apart."""
    ticks = MaxNLocator(nbins=6, integer=True).tick_values(low, high)
    return [float(tick) for tick in ticks if low <= tick <= high and float(tick).is_integer()]


def power(exponent: float) -> str:
    """``10`` with an exponent, as matplotlib writes it."""
    return f"$10^{{{exponent:.0f}}}$"


def write_in_tiles(axis: Axes, words: pd.DataFrame, size: float) -> None:
    """Write into every tile of a heat map, in black or white, whichever is read more easily on its colour."""
    (mesh,) = (each for each in axis.collections if isinstance(each, QuadMesh))
    values = mesh.get_array()
    assert values is not None
    colours = np.reshape(mesh.to_rgba(np.ma.masked_invalid(values)), (*words.shape, 4))
    for (i, j), word in np.ndenumerate(words.to_numpy()):
        axis.text(
            j + 0.5, i + 0.5, word, color=_readable_on(colours[i, j]), ha="center", va="center", fontsize=size
        )  # fmt: skip


def crowd(axis: Axes) -> None:
    """Turn the names of many columns, so that they do not run into each other."""
    if len(axis.get_xticks()) > MOST_PANELS:
        axis.tick_params(axis="x", rotation=90, labelsize=8)


def tile_font(figure: Canvas, tiles: int) -> float:
    """A size at which five digits fit into a tile, for that many tiles side by side."""
    return float(np.clip(72 * (figure.get_size_inches()[0] - 2) / tiles / 3.4, 5, 10))


def _readable_on(colour: NDArray[np.float64]) -> str:
    """Black or white by the contrast of WCAG; ink where there is no tile."""
    red, green, blue, alpha = colour
    if alpha == 0:
        return ink()
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in (red, green, blue)]
    return "#ffffff" if np.dot([0.2126, 0.7152, 0.0722], linear) < EQUAL_CONTRAST else "#000000"


def ink() -> str:
    """The colour of text and lines that belong to no data."""
    return str(mpl.rcParams["text.color"])
