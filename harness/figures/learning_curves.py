"""Accuracy during the training."""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.analysis import finished
from harness.figures.base import Figure
from harness.figures.drawing.canvas import chance_levels, label_outer
from harness.figures.drawing.colours import palette
from harness.figures.drawing.notes import averaged_over, chance_key, legend, note
from harness.figures.drawing.panels import at_most, panels
from harness.figures.drawing.rows import over_runs, pieces

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure as Canvas

    from harness.tables.tables import Tables


class LearningCurves(Figure):
    """Accuracy during training."""

    name = "learning_curves"
    title = "Learning"
    caption = (
        "Share of right answers on held-out sequences during the training. Lines are medians over the runs, bands "
        "reach from the worst to the best run; the dashed line is the chance level. A line that rises late and at once "
        "is a network that has found the one step that matters."
    )
    order = 50

    def draw(self, tables: Tables) -> Canvas | None:
        """Rows are lengths, columns weight scales, colours cells."""
        import pandas as pd

        runs, remark = at_most(finished(tables.runs))
        read = pieces(tables, "curves", runs, ["step", "accuracy"])
        rows = [batch.to_pandas().assign(run=run).dropna() for batch, run in read]
        if not sum(map(len, rows)):
            return None
        curves = over_runs(pd.concat(rows), runs, "step", "accuracy")
        by_panel = dict([*curves.groupby(["seq_len", "weight_scale"])])
        colours = palette([*runs.who])
        figure, grid = panels(runs, share_y="all")
        for axis, here in grid:
            if len(here):
                own = by_panel.get((here.seq_len.iloc[0], here.weight_scale.iloc[0]), curves.head(0))
                for cell, colour in colours.items():
                    _line(axis, own[own.who == cell], colour)
                chance_levels(axis, here)
            axis.set_ylim(-0.03, 1.03)
        label_outer(figure, "training step", "accuracy")
        legend(figure, [*runs.who], chance_key(runs))
        note(figure, averaged_over(runs), remark)
        return figure


def _line(axis: Axes, curve: pd.DataFrame, colour: str) -> None:
    """Median and band over runs; a single evaluation is a point."""
    axis.plot(curve.step, curve.middle, color=colour, linewidth=1.5, marker="o" if len(curve) == 1 else "")
    if (curve.low < curve.high).any():
        axis.fill_between(curve.step, curve.low, curve.high, color=colour, alpha=0.2, linewidth=0)
