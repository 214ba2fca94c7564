"""Figures of probes and of theory, on made tables."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from harness.tables import Tables
from tests.helpers.drawn import colour, draw
from tests.helpers.made_tables import made_tables


def with_memory(**changes: Any) -> Tables:
    """An RNN whose answer is known from the cue, step 3, to step 6 before the training, and to the end after it."""
    tables = made_tables(cells=("rnn",), lengths=(10,), scales=(0.9,), seeds=(0,), steps=(0, 20), **changes)
    (run_id,) = tables.runs.run_id
    rows = [
        (run_id, step, 1, 10.0, t, 10.0 - t, "accuracy", 1.0 if 3 <= t <= last else 0.125, 0.125, 500)
        for step, last in ((0, 6), (20, 10))
        for t in range(1, 11)
    ]
    columns = ["run_id", "step", "layer", "asked_at", "t", "lag", "measure", "score", "chance", "samples"]
    return Tables({**tables, "memory": pd.DataFrame(rows, columns=columns)})


def test_information_stands_above_the_gradient_over_the_same_steps() -> None:
    drawn = draw("memory", with_memory(), laid_out=True)
    assert drawn is not None
    above, below = drawn.axes
    before, after = (np.asarray(line.get_xydata()) for line in above.lines if line.get_color() == colour("rnn"))
    np.testing.assert_array_equal(before[:, 1] == 1, [3 <= t <= 6 for t in range(1, 11)])
    np.testing.assert_array_equal(after[:, 1] == 1, [t >= 3 for t in range(1, 11)])
    gradient = np.asarray(below.lines[0].get_xydata())
    np.testing.assert_allclose(gradient, [[10 - lag, lag * np.log10(0.9)] for lag in range(10)])


def test_the_path_opens_where_information_and_gradient_are_bright() -> None:
    drawn = draw("memory_over_training", with_memory(), laid_out=True)
    assert drawn is not None
    information, gradient = (axis.collections[0].get_array() for axis in drawn.axes[:2])
    np.testing.assert_allclose(information[:, 0] > 0.5, [3 <= t <= 6 for t in range(1, 11)])
    np.testing.assert_allclose(information[:, 1] > 0.5, [t >= 3 for t in range(1, 11)])
    np.testing.assert_allclose(gradient[:, 1], (10 - np.arange(1, 11)) * np.log10(0.9))


def test_without_a_second_measurement_no_path_is_drawn() -> None:
    tables = with_memory()
    assert draw("memory_over_training", Tables({**tables, "memory": tables["memory"].query("step == 0")})) is None


@pytest.mark.parametrize(
    "name", ["memory", "memory_over_training", "eigenvalues", "time_scales", "dimension", "saturation"]
)
def test_runs_that_a_probe_did_not_measure_have_no_figure(name: str) -> None:
    assert draw(name, made_tables(cells=("rnn",))) is None


def phases(settings: dict[str, list[float]], theory: Any) -> Tables:
    """Runs over weight scales, and over an option."""
    tables = made_tables(cells=("rnn",), lengths=(10,), scales=(0.8, 1.0, 1.2), seeds=(0,))
    (key, values), *_ = settings.items()
    frames = [tables.runs.assign(**{key: value, "run_id": tables.runs.run_id + str(value)}) for value in values]
    runs = pd.concat(frames, ignore_index=True)
    return Tables({**tables, "runs": runs.assign(decay_rate_theory=theory(runs), decay_rate_init=runs.decay_rate_init)})


def test_the_border_between_order_and_chaos_lies_where_theory_crosses_zero() -> None:
    tables = phases({"experiment.noise": [1.0, 2.0]}, lambda runs: np.log(runs.weight_scale) - 0.05)
    drawn = draw("edge_of_chaos", tables, laid_out=True)
    assert drawn is not None
    axis = drawn.axes[0]
    assert (axis.get_xlabel(), axis.get_ylabel()) == ("weight scale", "noise")
    tiles, theory, measured = axis.collections
    np.testing.assert_allclose(tiles.get_array(), np.log([[0.8, 1.0, 1.2]] * 2), atol=1e-6)
    # Between the second and the third column, whose middles are 1.5 and 2.5.
    share = 0.05 / np.log(1.2)
    np.testing.assert_allclose(theory.get_paths()[0].vertices[:, 0], 1.5 + share, atol=1e-6)
    assert len(measured.get_paths()[0].vertices)


@pytest.mark.parametrize("values", [[1.0], []])
def test_without_a_second_setting_there_is_no_map(values: list[float]) -> None:
    tables = phases({"experiment.noise": values or [2.0]}, lambda runs: 0.1 if values else np.nan)
    assert draw("edge_of_chaos", tables) is None
