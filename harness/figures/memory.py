"""Information forward and gradient backward, of what the probe `memory` measured."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from harness.base.language import gettext as _
from harness.figures.base import Figure
from harness.figures.drawing.canvas import canvas, grid
from harness.figures.drawing.colours import ink, palette
from harness.figures.drawing.crowd import mark
from harness.figures.drawing.notes import note
from harness.figures.drawing.probed import best_runs, named, of_top_layer
from harness.figures.drawing.rows import memory_profiles
from harness.figures.drawing.scales import decades, log10, powers_axis

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure as Canvas

    from harness.tables.tables import Tables


class Memory(Figure):
    """How far the information gets, above how far back the gradient gets."""

    name = "memory"
    title = "Is the answer still in the state?"
    caption = (
        "The best run of each cell at the longest length. Read the upper part from left to right, as the sentence is "
        "read. It shows how well a linear read-out finds the answer in the state after each step. The measure is the "
        "share of right answers, or of explained variance, on samples that it was not fitted to. The dashed line is "
        "what one gets without looking. The line jumps up at the cue (dotted line). Where it sinks again, the network "
        "forgets. Read the lower part from right to left. It shows how much of the answer's gradient gets back to each "
        "step, relative to the answer. Thick lines are after the training, thin ones before it. Where the information "
        "arrives but the gradient does not, the network knows but cannot learn from it. Where the gradient arrives but "
        "the information does not, it could learn and has not."
    )
    order = 55
    probes = ("memory",)

    def draw(self, tables: Tables) -> Canvas | None:
        """A column per cell: the read-out over the steps, and the gradient below it."""
        best, remark = best_runs(tables, "memory")
        if not len(best):
            return None
        rows = _last_answer(of_top_layer(tables, "memory", best))
        colours = palette(best)
        figure = canvas(1.4 + 2.9 * len(best), 4.6)
        axes = figure.subplots(2, len(best), squeeze=False, sharex="col", sharey="row")
        known: list[float] = []
        for trained in (False, True):
            profiles = memory_profiles(tables, best, trained)
            for column, run in best.iterrows():
                width, own = (2.0 if trained else 0.8), rows[rows.run_id == run.run_id]
                _information(axes[0][column], own[own.step == own.step.agg("max" if trained else "min")], run, width,
                             colours[run.who])  # fmt: skip
                known += _gradient(axes[1][column], profiles[profiles.run == column], run, width, colours[run.who])
        _name(axes, best, rows)
        low, high = decades(np.array(known))
        powers_axis(axes[1][0], low, high)
        note(figure, remark)
        return figure


def _last_answer(rows: pd.DataFrame) -> pd.DataFrame:
    """The rows of the last answer, where several were read out."""
    return rows[rows.asked_at == rows.groupby("run_id").asked_at.transform("max")]


def _information(axis: Axes, rows: pd.DataFrame, run: pd.Series, width: float, colour: str) -> None:
    rows = rows.sort_values("t")
    score = rows.score.where(np.isfinite(rows.score))
    axis.plot(rows.t, score, color=colour, linewidth=width, marker=".", markersize=3 + width)
    axis.plot(rows.t, rows.chance.where(np.isfinite(rows.chance)), color=ink(), linestyle="--", linewidth=0.8)


def _gradient(axis: Axes, profile: pd.DataFrame, run: pd.Series, width: float, colour: str) -> list[float]:
    """The profile from the answer back; returns the exponents that are drawn."""
    profile = profile.sort_values("lag")
    if not len(profile):
        return []
    norms = profile.grad_norm.to_numpy(dtype=float)
    with np.errstate(all="ignore"):
        exponents = log10(norms / norms[0])
    lone = np.isfinite(exponents).sum() == 1
    axis.plot(
        run.answer_step - profile.lag, exponents, color=colour, linewidth=width, marker="o" if lone else "",
        markersize=4,
    )  # fmt: skip
    return [float(each) for each in exponents if np.isfinite(each)]


def _name(axes: np.ndarray, best: pd.DataFrame, rows: pd.DataFrame) -> None:
    """Titles, axes, and the cue."""
    measure = _("R² of a read-out") if (rows.measure == "R2").any() else _("read-out: right")
    for column, run in best.iterrows():
        for axis in (above := axes[0][column]), axes[1][column]:
            grid(axis)
            if np.isfinite(run.cue_step):
                mark(axis, run.cue_step)
        above.set_title(named(run, best))
        axes[1][column].set_xlabel(_("time step"))
    axes[0][0].set(ylabel=f"{measure}\n{_('information forward →')}", ylim=(-0.05, 1.05))
    axes[1][0].set_ylabel(_("relative to the answer\n← gradient backward"))
