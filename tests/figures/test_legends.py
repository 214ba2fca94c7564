"""A legend has room on its figure, however narrow that is."""

from __future__ import annotations

import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.lines import Line2D

from harness.figures.drawing.canvas import canvas
from harness.figures.drawing.notes import key
from harness.report.rendering import styled


@pytest.mark.parametrize(
    ("width", "labels", "columns"),
    [
        (4.3, [f"lstm, forget_bias {bias}" for bias in (-1, 0, 1, 2)] + ["the cue"], 2),
        (4.0, ["gated_antisymmetric, update_bias 0.25"], 1),
        (12.0, ["rnn", "lstm", "gru"], 3),
        (16.0, list("abcdefghij"), 7),
    ],
)
def test_a_legend_takes_as_many_columns_as_there_is_room_for(width: float, labels: list[str], columns: int) -> None:
    with styled():
        figure = canvas(width, 3)
        figure.add_subplot()
        key(figure, [Line2D([], [], label=label) for label in labels])
        FigureCanvasAgg(figure).draw()
        (legend,) = figure.legends
        box = legend.get_window_extent()
    assert legend._ncols == columns
    assert box.x0 >= 0
    assert box.x1 <= figure.bbox.x1
