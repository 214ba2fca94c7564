"""The figure of accuracy against length: medians and runs, chance level, and what was trained on."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from matplotlib.axes import Axes

from harness.tables import Tables
from harness.tables.columns import COLUMNS
from tests.helpers.drawn import draw, lines, names, single_runs
from tests.helpers.made_tables import made_tables

LENGTHS = [5, 10, 20, 40]


def with_lengths(tables: Tables, accuracies: list[list[float]], **settings: object) -> Tables:
    """The tables with a row for every run and length: in turn each run has one of these lists of accuracies."""
    runs = tables.runs.assign(**settings)
    rows = [
        {"run_id": run_id, "length": length, "accuracy": right, "chance": 1 / length}
        for place, run_id in enumerate(runs.run_id)
        for length, right in zip(LENGTHS, accuracies[place % len(accuracies)], strict=True)
    ]
    table = pd.DataFrame(rows, columns=COLUMNS["generalization"])
    return Tables({**tables, "runs": runs, "generalization": table})


def one_panel(tables: Tables) -> Axes:
    drawn = draw("generalization", tables, laid_out=True)
    assert drawn is not None
    (axis,) = drawn.axes
    return axis


ONE = {"cells": ("rnn", "lstm"), "lengths": (10,), "scales": (1.0,), "seeds": (0, 1, 2)}
RUNS = [[0.1, 0.2, 0.3, 0.4], [0.5, 0.6, 0.7, 0.8], [0.9, 1.0, 0.0, 0.1]]


def test_lines_are_the_runs_and_their_medians() -> None:
    axis = one_panel(with_lengths(made_tables(**ONE), RUNS))
    for cell in ONE["cells"]:
        (median,) = lines(axis, cell)
        np.testing.assert_allclose(median, np.column_stack([LENGTHS, np.median(RUNS, axis=0)]))
        assert sorted(line[:, 1].tolist() for line in single_runs(axis, cell)) == RUNS


def test_the_chance_level_is_that_of_each_length() -> None:
    drawn = draw("generalization", with_lengths(made_tables(**ONE), RUNS), laid_out=True)
    assert drawn is not None
    (chance,) = [line for line in drawn.axes[0].lines if line.get_linestyle() == "--"]
    np.testing.assert_allclose(np.asarray(chance.get_xydata()), [[each, 1 / each] for each in LENGTHS])
    assert names(drawn) == {"rnn", "lstm", "chance", "trained on"}


def test_the_trained_length_is_marked() -> None:
    axis = one_panel(with_lengths(made_tables(**ONE), RUNS))
    (mark,) = [line for line in axis.lines if line.get_linewidth() == 4]
    assert set(mark.get_xdata()) == {10}


@pytest.mark.parametrize(
    "trained",
    [
        {"train.curriculum": "uniform", "train.shortest": 7},
        {"experiment.shortest": 7},  # rows of one batch differ in length
        {"experiment.shortest": 7, "train.curriculum": "growing", "train.shortest": None},
    ],
)
def test_a_range_that_was_trained_on_is_a_band(trained: dict[str, object]) -> None:
    axis = one_panel(with_lengths(made_tables(**ONE), RUNS, **trained))
    (band,) = axis.patches
    np.testing.assert_allclose([band.get_x(), band.get_x() + band.get_width()], [7, 10])


def test_a_band_ends_where_the_axis_does() -> None:
    """Lengths from 1 on were allowed; nobody asked what networks do there."""
    trained = {"train.curriculum": "uniform", "train.shortest": None}
    axis = one_panel(with_lengths(made_tables(**ONE), RUNS, **trained))
    plain = one_panel(with_lengths(made_tables(**ONE), RUNS))
    np.testing.assert_allclose(axis.get_xlim(), plain.get_xlim())


def test_nothing_is_drawn_where_no_lengths_were_asked_for() -> None:
    assert draw("generalization", made_tables(**ONE)) is None


def test_of_many_cells_each_has_a_panel() -> None:
    cells = ("rnn", "gru", "lstm", "mgu", "janet", "ran", "sgu", "star", "cfn", "atr", "ugrnn")
    drawn = draw(
        "generalization", with_lengths(made_tables(**{**ONE, "cells": cells}, steps=(0,)), RUNS), laid_out=True
    )
    assert drawn is not None
    assert {axis.get_title() for axis in drawn.axes} == {*cells}
    for axis in drawn.axes:
        ((median,),) = ([line for line in axis.lines if line.get_linewidth() == 1.2],)
        np.testing.assert_allclose(np.asarray(median.get_xydata())[:, 1], np.median(RUNS, axis=0))
