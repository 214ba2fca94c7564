"""Accuracy by an option of the task."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from harness.analysis import finished, varied_options
from harness.figures.base import Figure
from harness.figures.drawing.canvas import canvas, grid
from harness.figures.drawing.colours import ink, palette
from harness.figures.drawing.notes import averaged_over, chance_key, legend, note
from harness.tables.varied import as_typed

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure as Canvas

    from harness.tables.tables import Tables


class AccuracyByOption(Figure):
    """Accuracy by an option of the experiment, where a sweep varies one."""

    name = "accuracy_by_option"
    title = "What the option of the task changes"
    caption = (
        "Share of right answers after the training, by the option of the experiment that the sweep varies. A mark is a "
        "run, a line joins the means of a cell. A dashed line across a value of the option is the chance level there."
    )
    order = 15
    across_versions = True

    def draw(self, tables: Tables) -> Canvas | None:
        """Rows are options that vary, columns lengths, colours cells; None where no option varies."""
        runs = finished(tables.runs).dropna(subset="accuracy")
        options = varied_options(runs)
        if not options:
            return None
        lengths, colours = sorted(runs.seq_len.unique()), palette([*runs.who])
        figure = canvas(1.2 + 3.1 * len(lengths), 1.0 + 2.5 * len(options))
        axes = figure.subplots(len(options), len(lengths), squeeze=False, sharex="row", sharey=True)
        for row, option in enumerate(options):
            values = _in_order(runs[option])
            for column, length in enumerate(lengths):
                axis = axes[row][column]
                grid(axis)
                here = runs[runs.seq_len == length]
                _cells(axis, here, option, values, colours)
                _chance(axis, here, option, values)
                axis.set_xticks(np.arange(len(values)), values)
                axis.set(ylim=(-0.03, 1.03), xlim=(-0.5, len(values) - 0.5), xlabel=option)
                if row == 0 and len(lengths) > 1:
                    axis.set_title(f"{length} steps")
            axes[row][0].set_ylabel("accuracy")
        legend(figure, [*runs.who], chance_key(runs))
        note(figure, *{averaged_over(runs, ["who", "seq_len", option]): None for option in options})
        return figure


def _in_order(values: pd.Series) -> list[str]:
    """The values of an option as they are typed, null first."""
    known = values.dropna().unique().tolist()
    # Values of several kinds, such as numbers and words, have no order.
    known.sort(key=None if len({*map(type, known)}) == 1 else str)
    return [*(["null"] if values.isna().any() else []), *map(as_typed, known)]


def _cells(axis: Axes, runs: pd.DataFrame, option: str, values: Sequence[str], colours: dict[str, str]) -> None:
    """Every run as a mark, the means of each cell as a line."""
    for place, (cell, colour) in enumerate(colours.items()):
        own = runs[runs.who == cell]
        if not len(own):
            continue
        # Cells stand side by side, so that equal accuracies do not hide each other.
        x = own[option].map(as_typed).map(values.index) + 0.08 * (place - (len(colours) - 1) / 2)
        axis.plot(x, own.accuracy, "o", color=colour, markersize=4, alpha=0.6)
        means = own.assign(x=x).groupby("x").accuracy.mean()
        axis.plot(means.index, means, color=colour)


def _chance(axis: Axes, runs: pd.DataFrame, option: str, values: Sequence[str]) -> None:
    """A dashed segment at every value; several where another option changes the chance, too."""
    levels = runs[[option, "chance"]].dropna(subset="chance").drop_duplicates()
    for value, level in levels.itertuples(index=False):
        place = values.index(as_typed(value))
        axis.plot([place - 0.35, place + 0.35], [level, level], color=ink(), linestyle="--", linewidth=1)
