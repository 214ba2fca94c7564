"""Pictures of a sweep. Each module here is one plugin: a `Figure`, which draws itself from the tables.

In: the tables of a sweep, or of one version of a task. Out: a matplotlib figure, which the report writes as SVG, PNG.
What figures share stands in `harness.figures.drawing`; what the author of another figure needs of it is offered here.
Nothing here imports matplotlib or pandas before something is drawn.
"""

from harness.analysis.families import in_order
from harness.figures.base import Figure
from harness.figures.drawing.canvas import MAX_WIDTH, canvas, chance_levels, grid, label_outer
from harness.figures.drawing.colours import GREY, ink, palette
from harness.figures.drawing.notes import averaged_over, chance_key, legend, note
from harness.figures.drawing.panels import at_most, panels
from harness.figures.drawing.scales import decades, log10, power, whole_powers

__all__ = [
    "GREY", "MAX_WIDTH", "Figure", "at_most", "averaged_over", "canvas", "chance_key", "chance_levels", "decades",
    "grid", "in_order", "ink", "label_outer", "legend", "log10", "note", "palette", "panels", "power", "whole_powers",
]  # fmt: skip
