"""Accuracy over length and weight scale, as heat maps."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from harness.analysis import by_condition, finished
from harness.analysis.families import many
from harness.analysis.words import percent
from harness.base.language import gettext as _
from harness.figures.base import Figure
from harness.figures.drawing.by_cell import CROWD_LENGTHS, CROWD_SCALES, by_length_and_scale, maps_by_cell, within
from harness.figures.drawing.colours import ink
from harness.figures.drawing.each_run import FEW
from harness.figures.drawing.notes import averaged_over, note
from harness.figures.drawing.panels import with_memory
from harness.figures.drawing.tiles import heat_map, maps_of_cells, mark_in_tiles, name_tiles, tiles, write_in_tiles

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure as Canvas
    from matplotlib.patches import Rectangle

    from harness.tables.tables import Tables


class AccuracyMap(Figure):
    """Accuracy over length and weight scale, a map per cell."""

    name = "accuracy_map"
    title = "Who knows the answer"
    caption = (
        "Share of right answers, in percent, on sequences that were not in the training. It is a mean over the runs. "
        "Dots in a tile are the runs, up to 5: from 0 % at its left edge to 100 % at its right one. "
        "Each cell has a map, with longer sequences further down; of many cells each has a row. A hatched tile is not "
        "above chance by more than three standard errors: it shows no memory. A line in the colour bar is the chance "
        "level. There are several where lengths differ in it. –: no result."
    )
    order = 30

    def draw(self, tables: Tables) -> Canvas | None:
        """One heat map per cell, side by side."""
        runs = finished(tables.runs)
        if not len(runs):
            return None
        if many(runs):
            return _draw_crowd(runs)
        runs, others = _with_memory(runs)
        figure, (axes,), cells, groups, runs, remark, size = maps_of_cells(runs, rows=1, head=0, tile=0.55)
        for axis, cell in zip(axes, cells, strict=True):
            table = tiles(groups, cell, "accuracy").astype(float)
            guessing = tiles(groups, cell, "guessing")
            heat_map(axis, 100 * table, 0, 100, "viridis")
            write_in_tiles(axis, (100 * table).map(_percent), size)
            _mark_runs(axis, table, runs[runs.who == cell])
            for i, j in zip(*(guessing == True).to_numpy().nonzero(), strict=True):  # noqa: E712 -- missing is not true
                axis.add_patch(_hatched((j, i)))
            axis.set_title(cell)
            name_tiles(axis, groups)
            axis.label_outer()
        bar = figure.colorbar(axes[0].collections[0], ax=list(axes), label=_("accuracy (%)"), fraction=0.03)
        _chance(bar.ax, 100 * groups.chance.dropna())
        _name_hatches(figure, groups)
        note(figure, averaged_over(runs), others, remark)
        return figure


def _mark_runs(axis: Axes, table: pd.DataFrame, runs: pd.DataFrame) -> None:
    """A dot for each run where there are few of a setting: a mean may hide that some know it all and some nothing."""
    for row, length in enumerate(table.index):
        for column, scale in enumerate(table.columns):
            own = runs.accuracy[(runs.seq_len == length) & (runs.weight_scale == scale)].dropna()
            if 1 < len(own) <= FEW:
                mark_in_tiles(axis, (row, column), table.shape, own.to_numpy(dtype=np.float64))


def _with_memory(runs: pd.DataFrame) -> tuple[pd.DataFrame, str]:
    """The runs of cells with memory, and how often the others are right, in a line: they know no length or scale."""
    able, others = with_memory(runs)
    if not others:
        return runs, ""
    groups = by_condition(runs)
    said = _("{cell}, without memory: {least} to {most} right")
    lines = [
        said.format(cell=cell, least=percent(own.accuracy.min()), most=percent(own.accuracy.max()))
        for cell, own in groups[groups.memoryless & groups.accuracy.notna()].groupby("who")
    ]
    return able, _("; ").join(lines)


def _draw_crowd(runs: pd.DataFrame) -> Canvas:
    """A row per cell, family after family; a column per length and weight scale."""
    shown, remark = within(runs, CROWD_LENGTHS, CROWD_SCALES)
    groups = by_condition(shown)
    groups = groups.assign(
        steps=[_("{steps} steps").format(steps=length) for length in groups.seq_len], percent=100 * groups.accuracy
    )
    table = by_length_and_scale(groups, "percent")
    guessing = by_length_and_scale(groups, "guessing").eq(True)
    figure, axes = maps_by_cell(shown, table, _percent, vmin=0, vmax=100, cmap="viridis")
    for axis in axes:
        for place, name in zip(axis.get_yticks(), axis.get_yticklabels(), strict=True):
            for column in guessing.loc[name.get_text()].to_numpy().nonzero()[0]:
                axis.add_patch(_hatched((float(column), place - 0.5)))
    bar = figure.colorbar(axes[0].collections[0], ax=axes, label=_("accuracy (%)"), fraction=0.03, aspect=40)
    _chance(bar.ax, 100 * groups.chance.dropna())
    _name_hatches(figure, groups)
    note(figure, averaged_over(shown), remark)
    return figure


def _hatched(corner: tuple[float, float]) -> Rectangle:
    from matplotlib.patches import Rectangle

    return Rectangle(corner, 1, 1, fill=False, hatch="///", edgecolor=(1, 1, 1, 0.45), linewidth=0)


def _name_hatches(figure: Canvas, groups: pd.DataFrame) -> None:
    """What a hatched tile means, where there is one."""
    from matplotlib.patches import Patch

    if groups.guessing.any():
        hatched = Patch(facecolor="#3b528b", edgecolor="#ffffff", hatch="///", label=_("not above chance"))
        figure.legend(handles=[hatched], loc="outside upper right", frameon=False, labelcolor=ink())


def _chance(bar: Axes, levels: pd.Series) -> None:
    """Lines in the colour bar, named once."""
    for level in levels.unique():
        bar.axhline(level, color="#ffffff", linewidth=2)
    if len(levels):
        middle = (levels.min() + levels.max()) / 2
        bar.annotate(
            _("chance"), (0, middle), (-4, 0), textcoords="offset points", ha="right", va="center", fontsize=8
        )  # fmt: skip


def _percent(value: float) -> str:
    return "–" if np.isnan(value) else f"{value:.0f}"
