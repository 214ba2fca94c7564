"""Which answer looks at which step, of what the probe `attribution` measured."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from harness.base.language import gettext as _
from harness.figures.base import Figure
from harness.figures.drawing.canvas import label_outer
from harness.figures.drawing.notes import note
from harness.figures.drawing.probed import AFTER, BEFORE, before_and_after, best_runs, columns, moment_in_words

if TYPE_CHECKING:
    from matplotlib.figure import Figure as Canvas

    from harness.tables.tables import Tables

LOWEST = -4.0
"""Exponents of a derivative, relative to the answer's largest, that have the darkest colour."""


class Attribution(Figure):
    """A map of answers and the inputs that they depend on, before and after training."""

    name = "attribution"
    title = "Which answer looks at which step"
    caption = (
        "One sequence. A row is one answer, a column one step of the input. The colour says how much the answer's loss "
        "depends on the input of that step. The step that it depends on most has 1 (bright); 10⁻⁴ and less is dark. "
        "Above is before training, below after it. A bright diagonal: answers look at their own input alone. A bright "
        "column: all of them look at the same step. A bright line beside the diagonal: each looks the same distance "
        "back. To the right of the diagonal is the future, which no answer sees."
    )
    order = 65
    probes = ("attribution",)

    def draw(self, tables: Tables) -> Canvas | None:
        """A column per cell: a map before training above one after."""
        best, remark = best_runs(tables, "attribution")
        if not len(best):
            return None
        figure, panels = columns(best, rows=2, height=2.2)
        axes = {run.run_id: column for run, column in panels}
        image = None
        for run, when, __, rows in before_and_after(tables, "attribution", best):
            axis = axes[run.run_id][when == AFTER]
            rows = rows[(rows.layer == 0) & (rows["sample"] == 0)]
            if not len(rows):
                continue
            table = rows.pivot(index="answer", columns="t", values="norm")
            with np.errstate(all="ignore"):
                values = table.to_numpy(dtype=float)
                relative = np.log10(
                    values / np.nanmax(np.where(np.isfinite(values), values, np.nan), axis=1, keepdims=True)
                )
            relative = np.where(np.isneginf(relative), LOWEST, relative)
            image = axis.imshow(
                np.ma.masked_invalid(relative), aspect="auto", cmap="viridis", vmin=LOWEST, vmax=0, origin="upper",
                interpolation="nearest", rasterized=True,
                extent=(rows.t.min() - 0.5, rows.t.max() + 0.5, len(table) - 0.5, -0.5),
            )  # fmt: skip
            places = np.unique(np.linspace(0, len(table) - 1, 6).round().astype(int))
            axis.set_yticks(places, [str(table.index[place]) for place in places])
        if image is None:
            return None
        for _run, column in panels:
            for axis in column:
                axis.grid(False)
        label_outer(figure, _("input at step"), _("answer at step"))
        for axis, when in zip(panels[0][1], (BEFORE, AFTER), strict=True):
            axis.set_ylabel(f"{moment_in_words(when)}\n{_('answer at step')}")
        figure.colorbar(image, ax=figure.axes, label=_("dependence (power of ten)"), shrink=0.7)
        note(figure, remark)
        return figure
