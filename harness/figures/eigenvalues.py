"""Eigenvalues in the plane, of what the probe `eigenvalues` measured."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from harness.base.language import gettext as _
from harness.figures.base import Figure
from harness.figures.drawing.canvas import canvas, grid
from harness.figures.drawing.colours import GREY, ink, palette
from harness.figures.drawing.notes import note
from harness.figures.drawing.probed import best_runs, first_and_last, named, of_top_layer

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure as Canvas

    from harness.tables.tables import Tables

FARTHEST = 3.0
"""The planes reach no further; what is beyond their edge is drawn on it."""


class Eigenvalues(Figure):
    """The eigenvalues of recurrent matrices and of a step's Jacobian, with the unit circle."""

    name = "eigenvalues"
    title = "Where a step's eigenvalues lie"
    caption = (
        "The best run of each cell, top layer; above before the training, below after it. Each point is an eigenvalue "
        "in the complex plane. Its distance from the centre is what a step multiplies a direction of the state by. Its "
        "angle is how far a step turns it. On the unit circle (line) a direction is kept, inside it is forgotten, "
        "outside it grows. Grey crosses are those of the recurrent matrices. Points in the cell's colour are those of "
        "the Jacobian of a whole step, with gates and slopes of the units. The step is in the middle of the sequence. "
        "Three numbers are written beside them. The spectral radius is the largest distance. The norm is the most that "
        "one step can do to any direction. The departure from normality is 0 where the radius says all; near 1, it "
        "says little about the first many steps."
    )
    order = 62
    probes = ("eigenvalues",)

    def draw(self, tables: Tables) -> Canvas | None:
        """Two rows, before and after; a column per cell."""
        best, remark = best_runs(tables, "eigenvalues")
        if not len(best):
            return None
        rows = of_top_layer(tables, "eigenvalues", best)
        moduli = rows.modulus.to_numpy(dtype=float)
        moduli = moduli[np.isfinite(moduli)]
        reach = float(np.clip(1.1 * np.quantile(moduli, 0.98), 1.15, FARTHEST)) if len(moduli) else 1.15
        figure, colours = canvas(1.2 + 2.6 * len(best), 5.6), palette(best)
        axes = figure.subplots(2, len(best), squeeze=False, sharex=True, sharey=True)
        for column, (__, run) in enumerate(best.iterrows()):
            for axis, own in zip(axes[:, column], first_and_last(rows[rows.run_id == run.run_id]), strict=True):
                _plane(axis, own, colours[run.who], reach)
            axes[0][column].set_title(named(run, best))
        axes[0][0].set_ylabel(_("before the training"))
        axes[1][0].set_ylabel(_("after it"))
        note(figure, remark)
        return figure


def _plane(axis: Axes, rows: pd.DataFrame, colour: str, reach: float) -> None:
    from matplotlib.patches import Circle

    grid(axis)
    axis.add_patch(Circle((0, 0), 1, fill=False, color=ink(), linewidth=0.8))
    axis.set(xlim=(-reach, reach), ylim=(-reach, reach), aspect="equal")
    step = rows[rows.matrix == "J"]
    kinds: list[tuple[pd.DataFrame, dict[str, Any]]] = [
        (rows[rows.matrix != "J"], {"marker": "x", "color": GREY, "s": 9, "linewidths": 0.7}),
        (step, {"marker": "o", "color": colour, "s": 12, "linewidths": 0}),
    ]
    for own, style in kinds:
        places = own[["re", "im"]].to_numpy(dtype=float)
        places = places[np.isfinite(places).all(axis=1)].clip(-reach, reach)
        axis.scatter(places[:, 0], places[:, 1], **style)
    if len(step):
        first = step[step.number == 1].iloc[0]
        words = _("radius {radius}, norm {norm}, departure {departure}").format(
            radius=f"{first.modulus:.3g}", norm=f"{first.singular_value:.3g}", departure=f"{first.departure:.2f}"
        )
        axis.set_xlabel(words, fontsize=8)
