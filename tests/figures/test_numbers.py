"""The numbers that figures draw: exponents and their ranges, and what the runs of a condition have in common."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest

from harness.figures.drawing.rows import memory_exponents, over_runs
from harness.figures.drawing.scales import decades, log10, power, whole_powers
from harness.tables import Tables
from tests.helpers.made_tables import made_tables

NAN, INF = math.nan, math.inf


def test_exponents_are_those_of_positive_finite_numbers() -> None:
    values = np.array([100.0, 1e-3, 1.0, 0.0, -1.0, INF, -INF, NAN])
    np.testing.assert_array_equal(log10(values), [2, -3, 0, *[NAN] * 5])


@pytest.mark.parametrize(
    ("exponents", "range_"),
    [
        ([-3.0, 1.0, -1.0], (-3, 1)),
        ([-3.0, 1.0, NAN, INF, -INF], (-3, 1)),
        ([0.5], (-0.5, 1.5)),
        ([0.0, 1.0], (-0.5, 1.5)),
        ([0.0, 2.0], (0, 2)),
        ([0.0, 2.5], (0, 2.5)),
        ([NAN], (-1.5, 0.5)),
        ([], (-1.5, 0.5)),
    ],
)
def test_a_scale_holds_all_exponents_and_is_two_decades_wide_at_least(
    exponents: list[float], range_: tuple[float, float]
) -> None:
    assert decades(np.array(exponents)) == range_


@pytest.mark.parametrize(
    ("low", "high", "powers"),
    [
        (-2.0, 0.0, [-2, -1, 0]),
        (-0.5, 1.5, [0, 1]),
        (-3.0, 3.0, [-3, -2, -1, 0, 1, 2, 3]),
        (-40.0, 0.5, [-40, -32, -24, -16, -8, 0]),
    ],
)
def test_ticks_are_a_handful_of_whole_powers_within_the_scale(low: float, high: float, powers: list[float]) -> None:
    assert whole_powers(low, high) == powers


def test_powers_of_ten_are_written_as_text() -> None:
    assert [power(exponent) for exponent in (-12.0, 0.0, 3.0, 45.0)] == ["10⁻¹²", "10⁰", "10³", "10⁴⁵"]


def runs() -> pd.DataFrame:
    """Three runs of one condition, and one of another."""
    return pd.DataFrame(
        {"who": ["rnn", "lstm", "rnn", "rnn"], "seq_len": 20, "weight_scale": 0.9, "seed": [0, 0, 1, 2]}
    )


def test_what_runs_have_in_common_is_their_median_their_smallest_and_their_largest_value() -> None:
    values = {0: [1.0, 5.0], 2: [2.0, -INF], 3: [9.0, 7.0], 1: [4.0, INF]}
    rows = pd.DataFrame([(run, lag, value) for run, own in values.items() for lag, value in enumerate(own)])
    rows.columns = pd.Index(["run", "lag", "value"])
    found = over_runs(rows, runs(), "lag", "value").sort_values(["who", "lag"])
    assert found.columns.tolist() == [
        "who", "seq_len", "weight_scale", "lag", "middle", "low", "high", "runs", "bounded",
    ]  # fmt: skip
    assert found[["who", "lag", "middle", "low", "high", "runs", "bounded"]].to_numpy().tolist() == [
        ["lstm", 0, 4, 4, 4, 1, True],
        ["lstm", 1, INF, INF, INF, 1, False],
        ["rnn", 0, 2, 1, 9, 3, True],
        ["rnn", 1, 5, -INF, 7, 3, True],  # a value of zero has an exponent of -inf, and is a value
    ]
    rows.loc[rows.run == 0, "value"] = NAN
    found = over_runs(rows, runs(), "lag", "value").set_index(["who", "lag"])
    assert found.middle["rnn", 0] == 5.5
    assert found.bounded.to_dict() == {("lstm", 0): True, ("lstm", 1): False, ("rnn", 0): False, ("rnn", 1): False}


@pytest.mark.parametrize("trained", [False, True])
def test_the_exponents_of_a_condition_are_those_of_its_table(trained: bool) -> None:
    tables = made_tables(cells=("rnn", "lstm"), lengths=(10,), scales=(0.9,))
    first = tables.runs.run_id[0]
    own = tables.transport
    grown = own.grad_norm.where(own.run_id != first, 100 * own.grad_norm) * (1 + 9 * (own.step > 0))
    found = memory_exponents(
        Tables({**tables, "transport": own.assign(grad_norm=grown)}), tables.runs.assign(who=tables.runs.cell), trained
    ).set_index(["who", "lag"])
    first_probe, cell = own[own.step == 0], tables.runs.cell[0]
    base = first_probe[first_probe.run_id == first].query("layer == 1 and part == 'h'").set_index("lag").grad_norm
    for lag in range(10):
        exponent = math.log10(base[lag]) + trained
        assert found.low[cell, lag] == pytest.approx(exponent)
        assert found.middle[cell, lag] == pytest.approx(exponent + 1)  # of two runs halfway: in the exponent
        assert found.high[cell, lag] == pytest.approx(exponent + 2)
    assert memory_exponents(tables, tables.runs.assign(who=tables.runs.cell)[:0], trained).empty
