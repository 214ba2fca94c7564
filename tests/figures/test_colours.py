"""Cells are told apart by their colours, by every reader."""

from __future__ import annotations

import numpy as np
import pytest
from matplotlib.colors import to_rgb

from harness.figures import palette
from harness.figures.drawing.colours import COLOURS
from tests.helpers.colours import linear


def test_colours_belong_to_cells_whatever_else_is_drawn() -> None:
    few, many = palette(["mine", "lstm"]), palette(["mine", "rnn", "lstm"])
    assert few.items() <= many.items()
    assert len(set(palette([*COLOURS, "a", "b", "c"]).values())) == len(COLOURS) + 3


SEEN = {
    "all colours": np.eye(3),
    "no red": [[0.152, 1.053, -0.205], [0.115, 0.786, 0.099], [-0.004, -0.048, 1.052]],
    "no green": [[0.367, 0.861, -0.228], [0.280, 0.673, 0.047], [-0.012, 0.043, 0.969]],
    "no blue": [[1.256, -0.077, -0.179], [-0.078, 0.931, 0.148], [0.005, 0.691, 0.304]],
}
"""What becomes of linear RGB in the eyes of readers who lack a kind of cone (Machado et al. 2009)."""


@pytest.mark.parametrize("eyes", SEEN)
def test_two_further_cells_are_told_apart_from_all_others(eyes: str) -> None:
    """By their distance in OKLab, in which black and white are 1 apart."""
    colours = [*palette([*COLOURS, "a", "b"]).values()]
    places = oklab(linear(np.array([to_rgb(each) for each in colours])) @ np.transpose(SEEN[eyes]))
    for own in (-1, -2):
        others = np.delete(places, own, axis=0)
        assert np.linalg.norm(others - places[own], axis=1).min() > 0.12


def oklab(colours: np.ndarray) -> np.ndarray:
    """Linear RGB in a space in which distances are what is seen."""
    cones = [[0.4122, 0.5363, 0.0514], [0.2119, 0.6807, 0.1074], [0.0883, 0.2817, 0.6300]]
    lab = [[0.2105, 0.7936, -0.0041], [1.9780, -2.4286, 0.4506], [0.0259, 0.7828, -0.8087]]
    return np.asarray(np.cbrt(colours.clip(0, 1) @ np.transpose(cones)) @ np.transpose(lab))
