"""The loss at the end, cell by cell."""

import seaborn as sns
from matplotlib.figure import Figure as Canvas

from harness.analysis.groups import finished
from harness.figures import Figure, palette
from harness.tables.tables import Tables


class LastLoss(Figure):
    """The loss of every run at the end of its training."""

    name = "last_loss"
    title = "Loss at the end"
    caption = "Every run is a point; lower is better. Runs whose loss is not finite are not shown."
    order = 90

    def draw(self, tables: Tables) -> Canvas | None:
        runs = finished(tables.runs)
        runs = runs[runs.loss.astype(float).abs() < float("inf")]
        if not len(runs):
            return None
        figure, colours = Canvas(figsize=(5, 3), layout="constrained"), palette([*runs.cell])
        axis = figure.subplots()
        sns.stripplot(runs, x="cell", y="loss", order=[*colours], hue="cell", palette=colours, legend=False, ax=axis)
        return figure
