"""Gates over one sequence, of what the probe `gates` measured."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from harness.analysis import finished
from harness.base.language import gettext as _
from harness.figures.base import Figure
from harness.figures.drawing.canvas import canvas, grid
from harness.figures.drawing.notes import note
from harness.figures.drawing.panels import at_most
from harness.figures.drawing.probed import named
from harness.figures.drawing.scales import decades, log10, power, whole_powers

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure as Canvas

    from harness.tables.tables import Tables

READABLE_WORDS = 45
"""Most steps at which every token is written below the picture."""


class Gates(Figure):
    """The gates of a cell over one sequence, beside the gradient through its memory."""

    name = "gates"
    title = "What the gates do"
    caption = (
        "The best run of each gated cell at the end of its training, reading one sequence. Upper part: the mean of "
        "each gate over the units, 0 closed and 1 open. A forget gate near 1 (in a GRU: an update gate) hands the "
        "memory on unchanged. Lower part: the gradient that arrives in the memory at each step, relative to the last "
        "one. Where the gate that keeps stays open, the gradient passes."
    )
    order = 60
    probes = ("gates",)

    def draw(self, tables: Tables) -> Canvas | None:
        """A column per cell: a heat map of gates over steps, and the gradient below it."""
        if "gates" not in tables or not len(tables["gates"]):
            return None
        runs = finished(tables.runs)
        runs = runs[runs.run_id.isin(tables["gates"].run_id)].sort_values("accuracy", ascending=False, kind="stable")
        best = runs[runs.seq_len == runs.seq_len.max()].drop_duplicates("who")
        if not len(best):
            return None
        best, remark = at_most(best)
        steps = int(best.seq_len.max())
        figure = canvas(1.5 + len(best) * float(np.clip(0.22 * steps, 4.5, 8)), 4.8)
        axes = figure.subplots(2, len(best), squeeze=False, height_ratios=[1, 1], sharex="col")
        for column, (__, run) in enumerate(best.iterrows()):
            rows = tables["gates"][tables["gates"].run_id == run.run_id]
            rows = rows[(rows.step == rows.step.max()) & (rows.layer == 1) & (rows["sample"] == 0)]
            _gates(axes[0][column], rows, last=column == len(best) - 1, title=named(run, runs))
            _gradient(axes[1][column], rows, run)
        note(figure, remark)
        return figure


def _gates(axis: Axes, rows: pd.DataFrame, last: bool, title: str) -> None:
    """Gates over steps."""
    import seaborn as sns

    roles = [*dict.fromkeys(rows.role)]
    table = rows.pivot(index="role", columns="t", values="mean").astype(float).reindex(roles)
    sns.heatmap(table, ax=axis, vmin=0, vmax=1, cmap="viridis", cbar=last, cbar_kws={"label": _("mean gate value")})
    axis.set(title=title, xlabel="", ylabel="")
    axis.set_yticks(np.arange(len(table)) + 0.5, table.index, rotation=0)


def _gradient(axis: Axes, rows: pd.DataFrame, run: pd.Series) -> None:
    by_step = rows.drop_duplicates("t").sort_values("t")
    norms = by_step.grad_norm.to_numpy(dtype=float)
    with np.errstate(all="ignore"):
        exponents = log10(norms / norms[-1])
    grid(axis)
    axis.plot(by_step.t - 0.5, exponents, color="#d9480f")
    ticks = whole_powers(*decades(exponents))
    axis.set_yticks(ticks, [power(tick) for tick in ticks])
    axis.set(ylabel=_("gradient in {part}\nrelative to the last step").format(part=run.memory), xlabel=_("time step"))
    if len(by_step) <= READABLE_WORDS and by_step.word.ne("").all():
        axis.set_xticks(by_step.t - 0.5, by_step.word.str.slice(0, 14), rotation=90, fontsize=8)
        axis.set_xlabel("")
