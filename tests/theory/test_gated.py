"""Theory of gated cells against networks of many units, and where it has closed forms."""

from __future__ import annotations

import math

import numpy as np
import pytest

from harness.settings.members import members
from harness.theory import GatedUnit, LongShortTermMemory, Minimal
from harness.theory.gated import FixedPoint
from harness.training.pack import run
from tests.conftest import Config


def sigmoid(value: float) -> float:
    return 1 / (1 + math.exp(-value))


@pytest.mark.parametrize("bias", [-1.0, 0.0, 2.0])
def test_without_inputs_a_gru_is_chaotic_from_a_weight_scale_of_two_whatever_its_bias(bias: float) -> None:
    assert GatedUnit(bias).rate(1.98, 0.0) < 0 < GatedUnit(bias).rate(2.02, 0.0)
    z = sigmoid(bias)
    assert GatedUnit(bias).rate(1.2, 0.0) == pytest.approx(math.log(z + (1 - z) * 1.2 / 2))


@pytest.mark.parametrize("bias", [-1.0, 1.0])
def test_without_inputs_an_lstm_is_chaotic_from_four_times_what_it_forgets(bias: float) -> None:
    f = sigmoid(bias)
    assert LongShortTermMemory(bias).rate(0.9 * 4 * (1 - f), 0.0) == pytest.approx(math.log(f + 0.9 * (1 - f)))
    assert LongShortTermMemory(bias).rate(1.02 * 4 * (1 - f), 0.0) > 0


def test_without_recurrent_weights_what_is_left_is_what_gates_keep() -> None:
    assert GatedUnit(1.0).rate(0.0, 0.0) == pytest.approx(math.log(sigmoid(1)))
    assert LongShortTermMemory(1.0).rate(0.0, 0.0) == pytest.approx(math.log(sigmoid(1)))
    assert Minimal(1.0).rate(0.0, 0.0) == pytest.approx(math.log(sigmoid(1)))


def test_the_edge_is_that_of_the_eigenvalues_of_a_large_matrix() -> None:
    rng, size, scale = np.random.default_rng(3), 800, 0.7
    keeps, mixes = rng.uniform(0, 0.5, size), rng.uniform(0, 1, size)
    made = np.diag(keeps) + scale * np.sqrt(mixes)[:, None] * rng.standard_normal((size, size)) / np.sqrt(size)
    point = FixedPoint(keeps, mixes, np.zeros(size), np.full(size, 1 / size))
    assert np.abs(np.linalg.eigvals(made)).max() == pytest.approx(point.edge(scale), rel=0.03)
    squares = np.mean(np.sum(made**2, axis=1))
    assert squares == pytest.approx(point.untied(scale) ** 2, rel=0.03)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("cell", "scales"),
    [
        ({"name": "gru"}, [0.5, 1.5]),
        ({"name": "gru", "forget_bias": 2.0}, [1.0]),
        ({"name": "lstm"}, [0.5, 0.9]),
        ({"name": "minimal", "forget_bias": 1.0}, [1.0]),
    ],
)
def test_in_order_the_factor_is_that_of_many_units(
    config: Config, cell: dict[str, object], scales: list[float]
) -> None:
    made = config(
        cell=cell, seq_len=100, hidden_size=256, init="gaussian", weight_scale=scales, seed=21, dtype="float32",
        train={"steps": 0}, probe={"batch_size": 4},
    )  # fmt: skip
    tables = run(members(made))
    for own in tables["runs"].itertuples():
        rows = tables["transport"]
        rows = rows[(rows.run_id == own.run_id) & (rows.layer == 1) & (rows.part == own.memory)]
        logs = rows.set_index("lag").log_ratio
        # Once the first steps are over, before the network has left where it starts.
        factor = math.exp((logs[85] - logs[40]) / 45)
        assert factor == pytest.approx(math.exp(own.decay_rate_theory), rel=0.02)
