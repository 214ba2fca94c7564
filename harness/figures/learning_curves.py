from __future__ import annotations

from typing import ClassVar

import seaborn as sns
from matplotlib.figure import Figure as Canvas
from matplotlib.lines import Line2D

from harness.figures import Figure
from harness.figures._common import averaged_over, ink, label_outer, legend, note, palette, panels, settled
from harness.findings import finished
from harness.tables import Tables


class LearningCurves(Figure):
    """Accuracy during training."""

    name: ClassVar[str] = "learning_curves"
    title: ClassVar[str] = "Learning"
    caption: ClassVar[str] = (
        "Share of right answers on held-out sequences during the training. Lines are medians over the runs, bands "
        "reach from the worst to the best run; the dashed line is the chance level. A line that rises late and at once "
        "is a network that has found the one step that matters."
    )
    order: ClassVar[int] = 50

    def draw(self, tables: Tables) -> Canvas | None:
        """Rows are lengths, columns weight scales, colours cells."""
        runs = finished(tables.runs)
        curves = tables.curves.merge(runs[["run_id", "cell"]], on="run_id").dropna(subset="accuracy")
        if not len(curves):
            return None
        colours = palette([*runs.cell])
        figure, grid = panels(runs, share_y="all")
        for axis, here in grid:
            rows = curves[curves.run_id.isin(here.run_id)]
            sns.lineplot(
                rows, x="step", y="accuracy", hue="cell", hue_order=list(colours), palette=colours, ax=axis,
                estimator="median", errorbar=("pi", 100), legend=False,
                marker="o" if rows.step.nunique() == 1 else None,
            )  # fmt: skip
            if len(here):
                axis.axhline(here.chance.mean(), color=ink(), linestyle="--", linewidth=1)
            axis.set_ylim(-0.03, 1.03)
        label_outer(figure, "training step", "accuracy")
        legend(figure, [*runs.cell], [Line2D([], [], color=ink(), linestyle="--", linewidth=1, label="chance")])
        note(figure, averaged_over(runs))
        return settled(figure)
