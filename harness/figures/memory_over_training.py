"""Information and gradient over time steps and training steps, of what the probe `memory` measured."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from harness.base.language import gettext as _
from harness.figures.base import Figure
from harness.figures.drawing.canvas import canvas
from harness.figures.drawing.colours import ink
from harness.figures.drawing.notes import note
from harness.figures.drawing.probed import best_runs, named, of_top_layer
from harness.figures.drawing.scales import log10
from harness.figures.gradient_over_training import edges

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.collections import QuadMesh
    from matplotlib.figure import Figure as Canvas

    from harness.tables.tables import Tables

LEAST = -3.0
"""Exponent of the gradient, relative to that at the answer, from which on it is drawn as dark."""


class MemoryOverTraining(Figure):
    """How far information gets and how far the gradient gets, at each probe of the training."""

    name = "memory_over_training"
    title = "How the path opens"
    caption = (
        "The best run of each cell at the longest length. Time steps go upwards, training steps to the right. Above: "
        "how well a linear read-out finds the answer in the state after each step. Dark is what one gets without "
        "looking, bright is all. Below: how much of the answer's gradient gets back to each step, relative to the "
        "answer. Bright is as much or more, dark a thousandth or less. The dotted line is the cue. Information starts "
        "at the cue and climbs. The gradient starts at the answer, above, and sinks. The task is learned when the "
        "bright areas span the steps between."
    )
    order = 56
    probes = ("memory",)

    def draw(self, tables: Tables) -> Canvas | None:
        """Two rows of heat maps, a column per cell; None of runs that were probed once."""
        best, remark = best_runs(tables, "memory")
        if not len(best):
            return None
        score = of_top_layer(tables, "memory", best)
        score = score[score.lag >= 0]
        if score.step.nunique() < 2:
            return None
        gradient = _gradients(tables, best)
        figure = canvas(1.6 + 2.9 * len(best), 5.0)
        axes = figure.subplots(2, len(best), squeeze=False, sharey=True, sharex="col")
        drawn: list[QuadMesh | None] = [None, None]
        for column, (__, run) in enumerate(best.iterrows()):
            own = score[score.run_id == run.run_id]
            share = (own.score - own.chance) / (1 - own.chance).where(own.chance < 1)
            drawn[0] = _map(axes[0][column], own.assign(value=share), (0.0, 1.0)) or drawn[0]
            drawn[1] = _map(axes[1][column], gradient[gradient.run_id == run.run_id], (LEAST, 0.0)) or drawn[1]
            for axis in axes[:, column]:
                if np.isfinite(run.cue_step):
                    axis.axhline(run.cue_step, color="#4fbcec", linestyle=":", linewidth=1)
            axes[0][column].set_title(named(run, best))
            axes[1][column].set_xlabel(_("training step"))
        for row, words in enumerate((_("information, above chance"), _("gradient, log10"))):
            axes[row][0].set_ylabel(_("time step"))
            if (mesh := drawn[row]) is not None:
                figure.colorbar(mesh, ax=list(axes[row]), label=words, fraction=0.03).ax.tick_params(colors=ink())
        note(figure, remark)
        return figure


def _gradients(tables: Tables, best: pd.DataFrame) -> pd.DataFrame:
    """``value``: log10 of the transported gradient, relative to the answer, by ``run_id``, ``step`` and ``t``."""
    import pyarrow.compute as pc

    wanted = pc.field("run_id").isin(best.run_id.tolist())
    rows = tables.read("transport", ["run_id", "step", "layer", "part", "lag", "grad_norm"], wanted)
    rows = rows.merge(best[["run_id", "num_layers", "memory", "answer_step"]], on="run_id")
    rows = rows[(rows.layer == rows.num_layers) & (rows.part == rows.memory)].sort_values("lag")
    first = rows.groupby(["run_id", "step"]).grad_norm.transform("first")
    with np.errstate(all="ignore"):
        value = log10((rows.grad_norm / first).to_numpy(dtype=float))
    value = np.where((rows.grad_norm == 0) & (first > 0), LEAST, value)
    return rows.assign(value=value, t=(rows.answer_step - rows.lag).round().astype(int))


def _map(axis: Axes, rows: pd.DataFrame, limits: tuple[float, float]) -> QuadMesh | None:
    if not len(rows):
        return None
    table = rows.pivot_table(index="t", columns="step", values="value", dropna=False).sort_index()
    values = np.ma.masked_invalid(table.to_numpy(dtype=float))
    x, y = edges(table.columns.to_numpy()), edges(table.index.to_numpy())
    return axis.pcolormesh(x, y, values, vmin=limits[0], vmax=limits[1], cmap="magma", rasterized=True)
