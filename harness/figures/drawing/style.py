"""What the figures share: colours, grids of panels, and the rows of the tables that they draw."""

from __future__ import annotations

from collections.abc import Sequence

import matplotlib as mpl
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure as Canvas
from matplotlib.lines import Line2D

from harness.analysis.groups import SETTING
from harness.tables.columns import RUN_OUTCOMES

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


def ink() -> str:
    """The colour of text and lines that belong to no data."""
    return str(mpl.rcParams["text.color"])
