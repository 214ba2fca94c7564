"""Where units are flat, of what the probe `saturation` measured."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from harness.base.language import gettext as _
from harness.figures.base import Figure
from harness.figures.drawing.canvas import canvas
from harness.figures.drawing.notes import note
from harness.figures.drawing.probed import best_runs, first_and_last, named, of_top_layer

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure as Canvas

    from harness.tables.tables import Tables

MOST_ROWS = 8
"""Most functions of a cell that are shown."""


class Saturation(Figure):
    """The share of flat units, function by function and step by step, before and after the training."""

    name = "saturation"
    title = "How many units are flat"
    caption = (
        "The best run of each cell, top layer; above before the training, below after it. There is a row for each gate "
        "(by its role) and each other function that a step calls. There is a column for each time step. The colour is "
        "the share of units that are where the function is flat. That is a sigmoid near 0 or 1, a tanh near -1 or 1, a "
        "ReLU below 0. Dark lets gradients through, bright blocks them. For a gate that keeps, that is no fault. One "
        "that is fully open is flat, and the memory passes it unharmed. A bright tanh on the way of the memory is what "
        "makes gradients vanish."
    )
    order = 64
    probes = ("saturation",)

    def draw(self, tables: Tables) -> Canvas | None:
        """Two rows of heat maps, before and after; a column per cell."""
        best, remark = best_runs(tables, "saturation")
        if not len(best):
            return None
        rows = of_top_layer(tables, "saturation", best)
        rows = rows.assign(words=rows.role.where(rows.role != "", rows.unit).str.slice(0, 26))
        most = min(MOST_ROWS, int(rows.groupby("run_id").words.nunique().max()))
        figure = canvas(1.2 + 3.3 * len(best), 1.6 + 0.7 * max(2, most))
        axes = figure.subplots(2, len(best), squeeze=False, sharex="col")
        for column, (__, run) in enumerate(best.iterrows()):
            for axis, own in zip(axes[:, column], first_and_last(rows[rows.run_id == run.run_id]), strict=True):
                _map(axis, own)
            axes[0][column].set_title(named(run, best))
            axes[1][column].set_xlabel(_("time step"))
        for axis, words in zip(axes[:, 0], (_("before the training"), _("after it")), strict=True):
            axis.set_ylabel(words)
        figure.colorbar(axes[0][0].collections[0], ax=list(axes.flat), label=_("share of flat units"), fraction=0.03)
        note(figure, remark)
        return figure


def _map(axis: Axes, rows: pd.DataFrame) -> None:
    names = [*dict.fromkeys(rows.words)][:MOST_ROWS]
    table = rows.pivot_table(index="words", columns="t", values="share", sort=False, dropna=False).reindex(names)
    shares = np.ma.masked_invalid(table.to_numpy(dtype=float))
    axis.pcolormesh(shares, vmin=0, vmax=1, cmap="magma", rasterized=True)
    axis.set_ylim(len(names), 0)
    axis.set_yticks(np.arange(len(names)) + 0.5, names, fontsize=8)
    shown = np.unique(np.linspace(0, len(table.columns) - 1, min(5, len(table.columns))).round().astype(int))
    axis.set_xticks(shown + 0.5, [str(table.columns[place]) for place in shown])
