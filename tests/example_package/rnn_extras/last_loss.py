"""The loss at the end, cell by cell."""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.analysis import finished
from harness.figures import Figure, canvas, palette
from harness.tables import Tables

if TYPE_CHECKING:
    from matplotlib.figure import Figure as Canvas


class LastLoss(Figure):
    """The loss of every run at the end of its training."""

    name = "last_loss"
    title = "Loss at the end"
    caption = "Every run is a point; lower is better. Runs whose loss is not finite are not shown."
    order = 90

    def draw(self, tables: Tables) -> Canvas | None:
        import seaborn as sns

        runs = finished(tables.runs)
        runs = runs[runs.loss.astype(float).abs() < float("inf")]
        if not len(runs):
            return None
        figure, colours = canvas(5, 3), palette(runs)
        axis = figure.subplots()
        sns.stripplot(runs, x="who", y="loss", order=[*colours], hue="who", palette=colours, legend=False, ax=axis)
        return figure
