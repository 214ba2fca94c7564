"""Few runs are seen one by one, many as a band; cells without memory take no panels."""

from __future__ import annotations

import numpy as np
import pytest

from harness.figures.drawing.each_run import FEW
from harness.tables import Tables
from tests.helpers.drawn import draw, lines, panel, single_runs, with_gradients
from tests.helpers.made_tables import made_tables

ONE = {"cells": ("rnn",), "lengths": (10,), "scales": (1.0,)}


@pytest.mark.parametrize("count", [1, 2, FEW, FEW + 1])
def test_up_to_a_few_runs_have_a_line_each_and_more_have_a_band(count: int) -> None:
    tables = made_tables(**ONE, seeds=tuple(range(count)))
    scale = {run_id: 2.0**place for place, run_id in enumerate(tables.runs.run_id)}
    drawn = draw("gradient_profile_init", with_gradients(tables, lambda g: g.grad_norm * g.run_id.map(scale)))
    assert drawn is not None
    (axis,) = drawn.axes
    heights = sorted(line[0, 1] for line in single_runs(axis, "rnn"))
    np.testing.assert_allclose(heights, np.log10([*scale.values()]) if 1 < count <= FEW else [])
    assert len(axis.collections) == (count > FEW)
    (median,) = lines(axis, "rnn")
    np.testing.assert_allclose(median[:, 1], np.median(np.log10([*scale.values()])))


def test_learning_curves_show_each_run() -> None:
    tables = made_tables(**ONE, seeds=(0, 1, 2))
    accuracy = dict(zip(tables.runs.run_id, (0.1, 0.2, 0.9), strict=True))
    curves = tables.curves.assign(accuracy=tables.curves.run_id.map(accuracy))
    drawn = draw("learning_curves", Tables({**tables, "curves": curves}))
    assert drawn is not None
    assert sorted(line[-1, 1] for line in single_runs(drawn.axes[0], "rnn")) == [0.1, 0.2, 0.9]


@pytest.mark.parametrize("seeds", [3, 9])
def test_the_median_of_learning_curves_counts_runs_that_are_over(seeds: int) -> None:
    """All but one solve the task early, and end."""
    tables = made_tables(**ONE, seeds=range(seeds))
    stays = tables.curves.run_id == tables.runs.run_id.iloc[-1]
    curves = tables.curves.assign(accuracy=np.where(stays, 0.2, 1.0))[stays | (tables.curves.step == 0)]
    drawn = draw("learning_curves", Tables({**tables, "curves": curves}))
    assert drawn is not None
    (median,) = lines(drawn.axes[0], "rnn")
    np.testing.assert_array_equal(median, [[0, 1], [10, 1], [20, 1]])


def test_dots_in_a_tile_are_the_runs() -> None:
    tables = made_tables(**{**ONE, "cells": ("rnn", "lstm")}, seeds=(0, 1, 2))
    accuracy = np.array([0.0, 0.5, 1.0] * 2)
    drawn = draw("accuracy_map", Tables({**tables, "runs": tables.runs.assign(accuracy=accuracy)}))
    assert drawn is not None
    (dots,) = panel(drawn, "rnn").lines
    np.testing.assert_allclose(dots.get_xdata(), [0.1, 0.5, 0.9])
    assert (np.asarray(dots.get_ydata()) < 1).all()


@pytest.mark.parametrize("name", ["accuracy_map", "decay_map", "gradient_over_training"])
def test_a_cell_without_memory_is_a_line_of_text_and_no_panel(name: str) -> None:
    drawn = draw(name, made_tables(lengths=(10,), scales=(1.0,)))
    assert drawn is not None
    assert "feedforward" not in {axis.get_title() for axis in drawn.axes}
    assert "feedforward" in drawn.get_supxlabel()
    alone = draw(name, made_tables(cells=("feedforward",), lengths=(10,), scales=(1.0,)))
    assert alone is not None
    assert "feedforward" in {axis.get_title() for axis in alone.axes}
