"""Cells are told apart by their colours, by every reader."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from matplotlib.colors import to_rgb

from harness.analysis.families import MOST_CELLS, family_of, in_order
from harness.figures import palette
from harness.plugins.registry import registry
from tests.helpers.colours import linear

OWN = {plugin.name: plugin.target.colour for plugin in registry().of_kind("cell") if vars(plugin.target).get("colour")}


def cells(*names: str, **columns: object) -> pd.DataFrame:
    """Runs of some cells; of shipped ones with the family that they have."""
    of = {plugin.name: plugin.target for plugin in registry().of_kind("cell")}
    known = [of.get(name) for name in names]
    return pd.DataFrame(
        {
            "cell": names,
            "family": [cell.family if cell else "others" for cell in known],
            "has_memory": [cell is None or cell.has_memory for cell in known],
            **columns,
        }
    )


def test_colours_belong_to_cells_whatever_else_is_drawn() -> None:
    few, many = palette(cells("mine", "lstm")), palette(cells("mine", "rnn", "lstm"))
    assert few.items() <= many.items()
    assert many.items() >= {"rnn": OWN["rnn"], "lstm": OWN["lstm"]}.items()
    others = "abcdefghij"[: MOST_CELLS - len(OWN)]
    assert len(set(palette(cells(*OWN, *others)).values())) == MOST_CELLS
    assert len(set(palette(cells(*"abcdefghij")).values())) == MOST_CELLS


def test_a_colour_that_a_cell_inherits_is_that_of_another_cell() -> None:
    drawn = palette(cells("gru", "gru_reset_before", "rnn", "rnn_relu"))
    assert len(set(drawn.values())) == 4


def test_cells_stand_by_family_in_every_figure_and_those_without_memory_first() -> None:
    mixed = cells("lstm", "mine", "rnn", "cornn", "gru", "feedforward", "linear")
    assert in_order(mixed) == ["feedforward", "linear", "rnn", "gru", "lstm", "cornn", "mine"]
    biases = cells("lstm", "lstm", "rnn", variant=["forget_bias 10", "forget_bias 9", ""])
    assert in_order(biases) == ["rnn", "lstm, forget_bias 9", "lstm, forget_bias 10"]


def test_of_many_cells_each_has_the_colour_of_its_family() -> None:
    names = [plugin.name for plugin in registry().of_kind("cell") if plugin.name != "module"]
    runs = cells(*names)
    drawn, family = palette(runs), family_of(runs)
    assert set(drawn) == set(names)
    pairs = {(family[name], colour) for name, colour in drawn.items()}
    assert len(pairs) == len(dict(pairs)) == len({colour for _, colour in pairs}) == runs.family.nunique()


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
    colours = [*palette(cells(*OWN, "a", "b")).values()]
    places = oklab(linear(np.array([to_rgb(each) for each in colours])) @ np.transpose(SEEN[eyes]))
    for own in (-1, -2):  # others stand last
        others = np.delete(places, own, axis=0)
        assert np.linalg.norm(others - places[own], axis=1).min() > 0.12


def oklab(colours: np.ndarray) -> np.ndarray:
    """Linear RGB in a space in which distances are what is seen."""
    cones = [[0.4122, 0.5363, 0.0514], [0.2119, 0.6807, 0.1074], [0.0883, 0.2817, 0.6300]]
    lab = [[0.2105, 0.7936, -0.0041], [1.9780, -2.4286, 0.4506], [0.0259, 0.7828, -0.8087]]
    return np.asarray(np.cbrt(colours.clip(0, 1) @ np.transpose(cones)) @ np.transpose(lab))
