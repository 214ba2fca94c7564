from __future__ import annotations

from typing import ClassVar

import numpy as np
from matplotlib.figure import Figure as Canvas
from matplotlib.lines import Line2D

from harness.figures import Figure
from harness.figures._common import canvas, grid, ink, legend, palette, settled
from harness.findings import finished, varied_options
from harness.tables import Tables


class AccuracyByOption(Figure):
    """Accuracy by an option of the experiment, where a sweep varies one."""

    name: ClassVar[str] = "accuracy_by_option"
    title: ClassVar[str] = "What the option of the task changes"
    caption: ClassVar[str] = (
        "Share of right answers after the training, by the option of the experiment that the sweep varies. A mark is a "
        "run, a line joins the means of a cell; the dashed line is the chance level."
    )
    order: ClassVar[int] = 15
    across_versions: ClassVar[bool] = True

    def draw(self, tables: Tables) -> Canvas | None:
        """Rows are options that vary, columns lengths, colours cells; None where no option varies."""
        runs = finished(tables.runs).dropna(subset="accuracy")
        options = varied_options(runs)
        if not options:
            return None
        lengths, colours = sorted(runs.seq_len.unique()), palette([*runs.cell])
        figure = canvas(1.2 + 3.1 * len(lengths), 1.0 + 2.5 * len(options))
        axes = figure.subplots(len(options), len(lengths), squeeze=False, sharex="row", sharey=True)
        for row, option in enumerate(options):
            values = sorted(runs[option].dropna().unique())
            for column, length in enumerate(lengths):
                axis = axes[row][column]
                grid(axis)
                for place, (cell, colour) in enumerate(colours.items()):
                    own = runs[(runs.seq_len == length) & (runs.cell == cell)].dropna(subset=option)
                    if not len(own):
                        continue
                    # Cells stand side by side, so that equal accuracies do not hide each other.
                    x = own[option].map(values.index) + 0.08 * (place - (len(colours) - 1) / 2)
                    axis.plot(x, own.accuracy, "o", color=colour, markersize=4, alpha=0.6)
                    means = own.assign(x=x).groupby("x").accuracy.mean()
                    axis.plot(means.index, means, color=colour)
                here = runs[runs.seq_len == length]
                if len(here):
                    axis.axhline(here.chance.mean(), color=ink(), linestyle="--", linewidth=1)
                axis.set_xticks(np.arange(len(values)), [str(value) for value in values])
                axis.set(ylim=(-0.03, 1.03), xlim=(-0.5, len(values) - 0.5), xlabel=option)
                if row == 0:
                    axis.set_title(f"{length} steps")
            axes[row][0].set_ylabel("accuracy")
        legend(figure, [*runs.cell], [Line2D([], [], color=ink(), linestyle="--", linewidth=1, label="chance")])
        return settled(figure)
