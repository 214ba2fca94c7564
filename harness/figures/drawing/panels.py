"""Grids of panels: a row per length, a column per weight scale, and no more than can be read."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal

from harness.analysis.families import MOST_CELLS, have_memory, in_order
from harness.analysis.runs import with_names
from harness.analysis.words import evenly, spread
from harness.base.language import gettext as _
from harness.figures.drawing.canvas import canvas, grid
from harness.tables.varied import as_typed

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure as Canvas

MOST_PANELS = 6
"""Most panels side by side, and one below the other."""

MOST_NAMED = 12
"""Most values that a remark lists one by one."""


def panels(
    runs: pd.DataFrame, share_y: Literal["row", "all"] = "row"
) -> tuple[Canvas, list[tuple[Axes, pd.DataFrame]]]:
    """A grid of panels, a row per length and a column per weight scale, each with its runs (see `at_most`).

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
                axis.set_title(_("weight scale {scale}").format(scale=as_typed(scale)))
            if j == len(scales) - 1 and len(lengths) > 1:
                axis.annotate(
                    _("{steps} steps").format(steps=length),
                    (1.02, 0.5),
                    xycoords="axes fraction",
                    rotation=-90,
                    va="center",
                    ha="left",
                )
            here = own.get_group((length, scale)) if (length, scale) in own.groups else runs.head(0)
            found.append((axis, here))
    return figure, found


def at_most(runs: pd.DataFrame, lengths: int = MOST_PANELS, scales: int = MOST_PANELS) -> tuple[pd.DataFrame, str]:
    """The runs of as many cells, lengths and weight scales as can be told apart in one figure; a remark on the others.

    Where there are more, those that are shown are spread evenly, the first (smallest) and the last among them.
    """
    runs, remarks = with_names(runs), []
    if len(cells := in_order(runs)) > MOST_CELLS:
        shown = evenly(cells, MOST_CELLS)
        runs = runs[runs.who.isin(shown)]
        remark = _("{count} of {all} cells and their variants are shown, without {others}")
        remarks.append(remark.format(count=MOST_CELLS, all=len(cells), others=_named(cells, shown)))
    for column, most, words in (
        ("seq_len", lengths, _("{count} of {all} lengths are shown, without {others}")),
        ("weight_scale", scales, _("{count} of {all} weight scales are shown, without {others}")),
    ):
        values = sorted(runs[column].unique())
        if len(values) > most:
            kept = spread(values, most)
            runs = runs[runs[column].isin(kept)]
            remarks.append(words.format(count=most, all=len(values), others=_named(values, kept)))
    return runs, _("; ").join(remarks)


def with_memory(runs: pd.DataFrame) -> tuple[pd.DataFrame, str]:
    """The runs of cells with memory, and a remark on the others: a panel of theirs would say nothing.

    All runs where no cell has memory.
    """
    able = have_memory(runs)
    if able.all() or not able.any():
        return runs, ""
    others = _(", ").join(in_order(runs[~able]))
    return runs[able], _("without {cells}: no memory, so no gradient reaches an earlier step").format(cells=others)


def _named(values: Sequence[object], shown: Sequence[object]) -> str:
    """Those that are not shown, where they can be named one by one."""
    missing = [as_typed(value) for value in values if value not in shown]
    return _(", ").join(missing) if len(missing) <= MOST_NAMED else _("{count} others").format(count=len(missing))
