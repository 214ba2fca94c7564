"""What the figures share: colours, grids of panels, and the rows of the tables that they draw."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Literal

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure as Canvas
from matplotlib.lines import Line2D
from matplotlib.ticker import FuncFormatter, MaxNLocator
from numpy.typing import NDArray

from harness.findings import SETTING, finished
from harness.tables import RUN_OUTCOMES, Tables

COLOURS = {
    "feedforward": "#8a8d91",
    "linear": "#9467bd",
    "rnn": "#d9480f",
    "rnn_relu": "#e0a100",
    "gru": "#12967a",
    "lstm": "#2f7fd1",
}
"""One colour per built-in cell, told apart by colour-blind readers, on light and on dark pages."""

FURTHER_COLOURS = ["#d16ba5", "#6a8f1f", "#a0683a", "#c2455f", "#4aa3b5"]
MAX_WIDTH = 16.0


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
    figure = Canvas(figsize=(min(width, MAX_WIDTH), height), layout="constrained")
    FigureCanvasAgg(figure)
    return figure


def panels(
    runs: pd.DataFrame, share_y: Literal["row", "all"] = "row"
) -> tuple[Canvas, list[tuple[Axes, pd.DataFrame]]]:
    """A grid of panels, a row per length and a column per weight scale, each with its runs."""
    lengths, scales = sorted(runs.seq_len.unique()), sorted(runs.weight_scale.unique())
    figure = canvas(1.2 + 3.1 * len(scales), 1.0 + 2.3 * len(lengths))
    axes = figure.subplots(len(lengths), len(scales), squeeze=False, sharex="row", sharey=share_y)
    found = []
    for i, length in enumerate(lengths):
        for j, scale in enumerate(scales):
            axis = axes[i][j]
            axis.grid(True, linewidth=0.4, alpha=0.4)
            if i == 0:
                axis.set_title(f"weight scale {scale:g}")
            if j == len(scales) - 1:
                axis.annotate(
                    f"{length} steps", (1.02, 0.5), xycoords="axes fraction", rotation=-90, va="center", ha="left"
                )
            found.append((axis, runs[(runs.seq_len == length) & (runs.weight_scale == scale)]))
    return figure, found


def legend(figure: Canvas, cells: Sequence[str], extra: Sequence[Line2D] = ()) -> None:
    """One legend for the whole figure, above its panels."""
    colours = palette(cells)
    handles = [Line2D([], [], color=colours[cell], label=cell, linewidth=2) for cell in colours]
    figure.legend(
        handles=[*handles, *extra], loc="outside upper center", ncols=len(handles) + len(extra), frameon=False
    )


def note(figure: Canvas, runs: pd.DataFrame) -> None:
    """Say in small what was averaged over, where anything was."""
    if text := averaged_over(runs):
        figure.supxlabel(text, fontsize=8, x=0.01, ha="left")


def averaged_over(runs: pd.DataFrame) -> str:
    """``each over 3 runs that differ in seed``; empty where every setting has one run."""
    counts = runs.groupby(SETTING).size()
    if not len(counts) or counts.max() == 1:
        return ""
    outcomes = {"run_id", *RUN_OUTCOMES, *SETTING}
    per_cell = runs.groupby("cell")
    names = [str(name) for name in runs if name not in outcomes]
    differ = [key for key in names if (per_cell[key].nunique(dropna=False) > 1).any()]
    low, high = counts.min(), counts.max()
    return f"each over {low if low == high else f'{low} to {high}'} runs that differ in {', '.join(differ)}"


def memory_profiles(tables: Tables, trained: bool) -> pd.DataFrame:
    """Rows of the gradient table of layer 1 and each run's memory, at its last or first probe, with its settings."""
    runs = finished(tables.runs)[["run_id", *SETTING, "seed", "memory", "cue_step"]]
    rows = tables.gradients[tables.gradients.layer == 1].merge(runs, on="run_id")
    rows = rows[rows.part == rows.memory]
    probes = rows.groupby("run_id").step
    return rows[rows.step == (probes.transform("max") if trained else probes.transform("min"))]


def log10(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """log10 of positive finite values, NaN elsewhere."""
    usable = np.isfinite(values) & (values > 0)
    return np.log10(values, out=np.full(values.shape, np.nan), where=usable)


def power_of_ten_axis(axis: Axes) -> None:
    """Label a y axis of exponents with powers of ten."""
    axis.yaxis.set_major_locator(MaxNLocator(nbins=6, integer=True))
    axis.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"$10^{{{value:.0f}}}$"))


def by_cell(rows: pd.DataFrame) -> Iterator[tuple[str, pd.DataFrame]]:
    """The rows of each cell, in the order of all figures."""
    for cell in in_order(list(rows.cell.unique())):
        yield cell, rows[rows.cell == cell]


def ink() -> str:
    """The colour of text and lines that belong to no data."""
    return str(mpl.rcParams["text.color"])
