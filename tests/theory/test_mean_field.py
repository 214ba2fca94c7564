"""Mean field against closed forms, and against networks of many units."""

from __future__ import annotations

import math

import numpy as np
import pytest

from harness.settings.members import members
from harness.theory import Elman
from harness.theory.mean_field import (
    ACTIVATIONS,
    chi,
    correlation_map,
    expectation,
    fixed_correlation,
    fixed_length,
    gradient_time,
    length_map,
    length_time,
)
from harness.training.pack import run
from tests.conftest import Config


@pytest.mark.parametrize("q", [1e-8, 0.01, 1.0, 50.0])
def test_of_erf_lengths_and_slopes_have_closed_forms(q: float) -> None:
    arcsine = 2 / math.pi * math.asin(2 * q / (1 + 2 * q))
    assert length_map("erf", 1.5, 0.2, q) == pytest.approx(1.5**2 * arcsine + 0.2, rel=1e-9)
    assert chi("erf", 1.5, q) == pytest.approx(1.5**2 * 4 / math.pi / math.sqrt(1 + 4 * q), rel=1e-9)


@pytest.mark.parametrize("c", [-0.5, 0.0, 0.9])
def test_of_erf_correlations_have_a_closed_form(c: float) -> None:
    q = 0.8
    arcsine = 2 / math.pi * math.asin(2 * c * q / (1 + 2 * q))
    assert correlation_map("erf", 1.5, 0.2, q, c) == pytest.approx((1.5**2 * arcsine + 0.2) / q, rel=1e-6)


def test_of_relu_lengths_and_slopes_are_halved() -> None:
    assert length_map("relu", 1.2, 0.1, 2.0) == pytest.approx(1.44 + 0.1, rel=1e-6)
    assert chi("relu", 1.2, 2.0) == pytest.approx(0.72)
    assert fixed_length("relu", 1.2, 0.1) == pytest.approx(0.1 / (1 - 0.72))
    assert fixed_length("relu", 1.5, 0.1) == math.inf
    assert length_time("relu", 1.2, 0.1) == pytest.approx(-1 / math.log(0.72))


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_derivatives_are_those_of_finite_differences(activation: str) -> None:
    own, u = ACTIVATIONS[activation], np.array([-1.3, -0.2, 0.4, 2.0])
    np.testing.assert_allclose(own.slope(u), (own.value(u + 1e-6) - own.value(u - 1e-6)) / 2e-6, atol=1e-8)
    np.testing.assert_allclose(own.bend(u), (own.slope(u + 1e-6) - own.slope(u - 1e-6)) / 2e-6, atol=1e-8)


@pytest.mark.parametrize(("scale", "variance"), [(0.8, 0.01), (1.5, 0.0), (2.5, 0.3)])
def test_a_fixed_length_stays_and_is_come_to_from_anywhere(scale: float, variance: float) -> None:
    q = 3.0
    for _ in range(3000):
        q = length_map("tanh", scale, variance, q)
    assert fixed_length("tanh", scale, variance) == pytest.approx(q, rel=1e-6)


def test_in_order_sequences_come_together_and_in_chaos_they_come_apart() -> None:
    assert fixed_correlation("tanh", 0.8, 0.01) == 1
    apart = fixed_correlation("tanh", 2.0, 0.01)
    assert 0 < apart < 0.9
    q = fixed_length("tanh", 2.0, 0.01)
    assert correlation_map("tanh", 2.0, 0.01, q, apart) == pytest.approx(apart, abs=1e-9)


def test_without_inputs_the_border_of_chaos_is_a_weight_scale_of_one() -> None:
    assert gradient_time("tanh", 0.99, 0.0) == pytest.approx(-1 / math.log(0.99**2), rel=1e-6)
    assert gradient_time("tanh", 1.01, 0.0) == math.inf
    assert length_time("tanh", 0.8, 0.0) == pytest.approx(gradient_time("tanh", 0.8, 0.0))


def test_an_expectation_is_that_of_the_normal_distribution() -> None:
    assert expectation(lambda u: u**4, 2.0) == pytest.approx(12, rel=1e-9)
    assert expectation(np.cos, 3.0) == pytest.approx(math.exp(-1.5), rel=1e-9)


def test_linear_and_relu_networks_have_a_factor_that_no_input_changes() -> None:
    assert Elman("linear").rate(0.9, 5.0) == pytest.approx(math.log(0.9))
    assert Elman("relu").rate(1.1, 0.3) == pytest.approx(math.log(1.1 / math.sqrt(2)))
    assert Elman("relu").rate(2.0, 0.3) == pytest.approx(math.log(math.sqrt(2)))


@pytest.mark.parametrize("activation", ["linear", "relu", "tanh"])
def test_the_steepest_slope_of_a_unit_is_that_of_its_function(activation: str) -> None:
    assert Elman(activation).steepest == ACTIVATIONS[activation].slope(np.linspace(-3, 3, 601)).max()


def test_without_recurrent_weights_nothing_is_left_after_a_step() -> None:
    assert Elman("tanh").rate(0.0, 0.5) == -math.inf


@pytest.mark.slow
@pytest.mark.parametrize("seed", [11, 12])
def test_of_tanh_networks_the_factor_is_that_of_many_units(config: Config, seed: int) -> None:
    """The factors 0.7986, 0.982, 1.0671, 1.1672 were computed apart from this program."""
    made = config(
        cell="rnn", seq_len=100, hidden_size=512, init="gaussian", weight_scale=[0.8, 1.0, 1.5, 2.0], seed=seed,
        dtype="float32", train={"steps": 0}, probe={"batch_size": 4, "dtype": "float32"},
    )  # fmt: skip
    runs = run(members(made))["runs"]
    np.testing.assert_allclose(np.exp(runs.decay_rate_theory), [0.7986, 0.982, 1.0671, 1.1672], atol=5e-4)
    np.testing.assert_allclose(np.exp(runs.decay_rate_init), np.exp(runs.decay_rate_theory), rtol=0.012)
    assert (runs.decay_rate_init <= runs.decay_rate_bound_init).all()
