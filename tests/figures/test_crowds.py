"""Figures of many cells: each has a panel or a row of its own, by family, and legends stay short."""

from __future__ import annotations

import numpy as np
import pytest

from harness.analysis.families import MOST_CELLS
from harness.figures.drawing import crowd as crowd_module
from harness.figures.drawing.by_cell import MOST_ROWS, in_stacks
from harness.figures.drawing.crowd import COLUMNS, in_rows
from harness.tables import Tables
from tests.helpers.drawn import FIGURES, draw, names
from tests.helpers.made_tables import made_tables
from tests.helpers.zoo import FAMILY

CELLS = [*[cell for cell in FAMILY if FAMILY[cell] == "classic"], "gru", "lstm", "cornn", "unicornn"]
SETTING = {"cells": CELLS, "lengths": (6, 8), "scales": (0.9, 1.0), "seeds": (0,), "steps": (0, 9)}


@pytest.fixture(scope="module")
def crowd() -> Tables:
    assert len(CELLS) == MOST_CELLS + 1
    return made_tables(**SETTING)


PANELS = ["gradient_profile_init", "gradient_profile_trained", "learning_curves", "gradient_over_training"]


@pytest.mark.parametrize("name", FIGURES)
def test_legends_of_many_cells_stay_short_and_every_cell_is_named(name: str, crowd: Tables) -> None:
    drawn = draw(name, crowd, laid_out=True)
    assert drawn is not None
    assert drawn.get_size_inches()[0] <= 16
    assert len(names(drawn)) <= MOST_CELLS
    titles = [axis.get_title() for axis in drawn.axes]
    rows = [label.get_text() for axis in drawn.axes[:-1] for label in axis.get_yticklabels()]
    if name in PANELS:
        assert sorted(title for title in titles if title) == sorted(CELLS)
        headings = {text.get_text() for axis in drawn.axes for text in axis.texts}
        assert headings == {"classic", "gated", "oscillators"}
    elif name in ("accuracy_map", "decay_map"):
        assert sorted(rows) == sorted(CELLS)
    else:
        assert {"classic", "gated", "oscillators"} <= names(drawn)


def test_a_small_profile_is_the_tables_gradient_at_the_longest_length(crowd: Tables) -> None:
    drawn = draw("gradient_profile_trained", crowd)
    assert drawn is not None
    (axis,) = [axis for axis in drawn.axes if axis.get_title() == "rnn"]
    lines = [line for line in axis.lines if line.get_linestyle() == "-"]
    for scale, line in zip((0.9, 1.0), lines, strict=True):
        np.testing.assert_array_equal(line.get_xdata(), np.arange(8))
        np.testing.assert_allclose(line.get_ydata(), np.arange(8) * np.log10(scale), atol=1e-12)
    assert drawn.get_supxlabel().startswith("8 steps, the longest of those that were tried")


@pytest.mark.parametrize(
    ("name", "written"),
    [
        ("accuracy_map", ["100", "100", "100", "100"]),
        ("decay_map", ["0.9", "1", "0.9", "1"]),  # before and after training, at the longest length
    ],
)
def test_a_row_of_a_map_is_a_cells_values(name: str, written: list[str], crowd: Tables) -> None:
    drawn = draw(name, crowd)
    assert drawn is not None
    (axis, row) = next(
        (axis, place)
        for axis in drawn.axes
        for place, label in zip(axis.get_yticks(), axis.get_yticklabels(), strict=True)
        if label.get_text() == "rnn"
    )
    texts = {text.get_position(): text.get_text() for text in axis.texts}
    assert [texts[(place + 0.5, row)] for place in range(4)] == written


def test_a_row_of_panels_holds_whole_families_where_they_fit() -> None:
    places = in_rows([7, 2, 3, 10])
    assert len(set(places)) == 22
    assert [row for row, _ in places[:7]] == [0] * 7
    assert places[7:12] == [(1, 0), (1, 1), (1, 2), (1, 3), (1, 4)]
    assert places[12] == (2, 0)
    assert max(column for _, column in places) < COLUMNS


def test_rows_of_a_map_stand_below_each_other_up_to_a_height_and_none_is_lost() -> None:
    kinds = {"large": [f"a{place}" for place in range(120)], "small": ["b"], "middle": [f"c{n}" for n in range(20)]}
    stacks = in_stacks(kinds)
    assert max(map(len, stacks)) <= MOST_ROWS
    told = [row for stack in stacks for row in stack if row[1]]
    assert sorted(told) == sorted((family, who) for family, members in kinds.items() for who in members)
    for stack in stacks:
        assert not stack[0][1]  # a heading


def test_of_more_cells_than_there_is_room_for_some_are_shown_with_a_remark(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(crowd_module, "MOST_PANELS", 5)
    tables = made_tables(**{**SETTING, "lengths": (6,)})
    for name in ("learning_curves", "accuracy_map"):
        drawn = draw(name, tables)
        assert drawn is not None
        assert "5 of 11 cells and their variants are shown" in drawn.get_supxlabel()
