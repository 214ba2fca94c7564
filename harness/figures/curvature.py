"""Curvature and gradient over the training, of what the probe `curvature` measured."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from harness.analysis import finished
from harness.analysis.families import in_order
from harness.base.language import gettext as _
from harness.figures.base import Figure
from harness.figures.drawing.canvas import canvas, grid
from harness.figures.drawing.colours import palette
from harness.figures.drawing.notes import legend, note
from harness.figures.drawing.panels import at_most

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure as Canvas

    from harness.tables.tables import Tables

LEAST = 1e-6
"""Curvatures and gradients below it are drawn at the edge."""


class Curvature(Figure):
    """The largest eigenvalue of the Hessian over the training, and the walls that gradients meet."""

    name = "curvature"
    title = "How sharply the loss bends, and the walls that gradients meet"
    caption = (
        "Left: the sharpest bend of the loss in any direction, over the training. It is the largest eigenvalue of the "
        "Hessian in the weights, drawn for every run. Gradient descent overshoots with a learning rate above 2 over "
        "it. Right: every point is one measurement of one run. To the right the gradient is longer, higher up the loss "
        "bends more sharply along it; bends downward are left out. Dark points are late in the training. Points that "
        "rise to the right are the wall of Pascanu, Mikolov and Bengio. There a large gradient says little about where "
        "to go, because the loss turns up after a short step. Such a gradient is better clipped."
    )
    order = 68
    probes = ("curvature",)

    def draw(self, tables: Tables) -> Canvas | None:
        """Eigenvalues over training steps beside curvature against gradient."""
        if "curvature.largest" not in tables.curves:
            return None
        runs, remark = at_most(finished(tables.runs))
        curves = tables.curves[tables.curves["curvature.largest"].notna()].merge(runs[["run_id", "who"]], on="run_id")
        runs = runs[runs.run_id.isin(curves.run_id)]
        if not len(runs):
            return None
        figure, colours = canvas(10.5, 4.2), palette(runs)
        left, right = figure.subplots(1, 2)
        for who in in_order(runs):
            for __, own in curves[curves.who == who].groupby("run_id"):
                _lines(left, right, own.sort_values("step"), colours[who])
        for axis in (left, right):
            grid(axis)
        left.set_yscale("log")
        left.set(xlabel=_("training step"), ylabel=_("largest eigenvalue of the Hessian"))
        right.set(xscale="log", yscale="log", xlabel=_("gradient norm"), ylabel=_("curvature along the gradient"))
        legend(figure, runs)
        note(figure, remark)
        return figure


def _lines(left: Axes, right: Axes, own: pd.DataFrame, colour: str) -> None:
    """One run: a line on the left, points on the right, from light to full colour."""
    from matplotlib.colors import to_rgba

    largest = own["curvature.largest"].astype(float)
    left.plot(own.step, largest.clip(LEAST).where(np.isfinite(largest)), color=colour, marker=".", linewidth=1.2)
    gradient, along = (own[f"curvature.{name}"].astype(float) for name in ("gradient_norm", "along_gradient"))
    shown = np.isfinite(gradient.to_numpy()) & np.isfinite(along.to_numpy()) & (along.to_numpy() > 0)
    late = [to_rgba(colour, float(alpha)) for alpha in np.linspace(0.25, 1, len(own))[shown]]
    right.scatter(gradient[shown].clip(LEAST), along[shown].clip(LEAST), s=22, c=late, linewidth=0)
