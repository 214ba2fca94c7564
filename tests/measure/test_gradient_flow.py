"""What a profile of the transported gradient says, for profiles that are made by formulas."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.measure.flow import GradientFlow, gradient_flow

INF, NAN = np.inf, np.nan


def flow_of(norms: list[float] | np.ndarray, solved: bool = False) -> GradientFlow:
    """The figures of one sample's norms by lag, its cue at the first step."""
    by_lag = np.asarray(norms, dtype=np.float64)
    with np.errstate(all="ignore"):
        return gradient_flow(np.log(by_lag) - np.log(by_lag[0]), by_lag[-1] / by_lag[0], solved)


@given(st.floats(0.5, 1.5), st.floats(1e-3, 1e3), st.integers(2, 200))
def test_a_geometric_profile_gives_back_its_factor(factor: float, start: float, length: int) -> None:
    flow = flow_of(start * factor ** np.arange(length))
    assert np.exp(flow.decay_rate) == pytest.approx(factor, rel=1e-9)
    assert flow.decay_r2 == pytest.approx(1)
    assert flow.verdict in ("vanishing", "stable", "exploding")


@pytest.mark.parametrize(
    ("factor", "verdict", "shape"), [(0.9, "vanishing", "falls"), (1.0, "stable", "flat"), (1.1, "exploding", "rises")]
)
def test_verdict_and_shape_follow_the_factor_per_step(factor: float, verdict: str, shape: str) -> None:
    for length in (3, 50):
        flow = flow_of(factor ** np.arange(length))
        assert (flow.verdict, flow.shape) == (verdict, shape)


def test_horizon_is_the_lag_at_which_a_third_is_left() -> None:
    # 0.9^9 = 0.387, 0.9^10 = 0.349; 1/e = 0.368
    assert flow_of(0.9 ** np.arange(50)).horizon == 10
    assert flow_of(np.ones(50)).horizon == INF


def test_underflow_and_overflow_at_the_far_end_are_left_out_of_the_slope() -> None:
    norms = 0.8 ** np.arange(20)
    norms[15:] = 0
    flow = flow_of(norms)
    assert np.exp(flow.decay_rate) == pytest.approx(0.8)
    assert (flow.shape, flow.verdict) == ("falls", "vanishing")
    norms = 1.5 ** np.arange(20)
    norms[10:] = INF
    flow = flow_of(norms)
    assert np.exp(flow.decay_rate) == pytest.approx(1.5)
    assert (flow.shape, flow.verdict) == ("rises", "exploding")


def test_a_gradient_that_reaches_no_earlier_step_vanishes_at_once() -> None:
    flow = flow_of([2.0, 0, 0, 0])
    assert (flow.decay_rate, flow.grad_ratio, flow.horizon, flow.verdict) == (-INF, 0, 1, "vanishing")
    assert flow.shape == "nothing arrives"


def test_a_line_through_noise_has_the_r2_of_the_squared_correlation() -> None:
    logs = -0.1 * np.arange(40) + np.random.default_rng(0).normal(size=40)
    flow = gradient_flow(logs - logs[0], 1.0)
    assert flow.decay_r2 == pytest.approx(np.corrcoef(np.arange(40), logs)[0, 1] ** 2)


lag = np.arange(40)


@pytest.mark.parametrize(
    ("norms", "shape"),
    [
        ([1.0, 1, 1, 0, 0, 0], "breaks off"),
        ([1.0, 2, 4, 0, 0, 0], "breaks off"),
        (np.exp(np.abs(lag - 20.0) - 20), "falls and rises"),
        (np.exp(20 - np.abs(lag - 20.0)), "rises and falls"),
        (np.exp(np.sin(lag / 2)), "wavers"),
        (np.maximum(np.exp(-2.0 * lag), 1e-3), "falls"),
        ([1.0, 0.9, INF, 0.5], "not finite"),
        ([1.0, 0.9, NAN, NAN], "not finite"),
        ([INF, 1.0, 0.9, 0.8], "not finite"),
        ([NAN] * 4, "not finite"),
        ([INF] * 4, "not finite"),
        ([1.0], "one step"),
    ],
)
def test_what_no_line_describes_has_a_shape_and_no_verdict(norms: list[float] | np.ndarray, shape: str) -> None:
    flow = flow_of(norms)
    assert (flow.shape, flow.verdict) == (shape, "undefined")


def test_small_noise_around_a_flat_profile_is_stable() -> None:
    flow = flow_of(1 + 0.05 * np.random.default_rng(0).normal(size=100))
    assert flow.decay_r2 < 0.1
    assert (flow.shape, flow.verdict) == ("flat", "stable")


@pytest.mark.parametrize("norms", [[NAN] * 4, [INF] * 4, [1.0]])
def test_without_a_slope_there_is_no_factor(norms: list[float]) -> None:
    flow = flow_of(norms)
    assert np.isnan(flow.decay_rate)
    assert np.isnan(flow.decay_r2)


def test_a_solved_task_whose_gradient_rises_towards_the_cue_does_not_explode() -> None:
    assert flow_of(1.1**lag, solved=True).verdict == "rising"
    assert flow_of(0.9**lag, solved=True).verdict == "vanishing"
