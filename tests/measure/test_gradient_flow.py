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


@pytest.mark.parametrize(
    ("factor", "verdict", "shape"),
    [
        (0.979, "vanishing", "falls"), (0.981, "stable", "flat"), (1.019, "stable", "flat"),
        (1.021, "exploding", "rises"),
    ],
)  # fmt: skip
def test_verdicts_change_at_the_documented_factors(factor: float, verdict: str, shape: str) -> None:
    flow = flow_of(factor ** np.arange(60))
    assert (flow.verdict, flow.shape) == (verdict, shape)


@pytest.mark.parametrize(("r2", "verdict"), [(0.88, "undefined"), (0.92, "vanishing")])
def test_a_line_that_explains_nine_tenths_of_the_variance_describes_a_profile(r2: float, verdict: str) -> None:
    noise = np.tile([1.0, -1, -1, 1], 25)  # of no slope, and of a mean of zero
    lags = np.arange(100)
    slope = -0.1
    logs = slope * lags + noise * np.sqrt(slope**2 * lags.var() * (1 - r2) / r2)
    flow = gradient_flow(logs - logs[0], 1.0)
    assert flow.decay_r2 == pytest.approx(r2, abs=1e-3)
    assert flow.verdict == verdict


@pytest.mark.parametrize(("off", "verdict"), [(0.098, "stable"), (0.102, "undefined")])
def test_a_line_that_is_off_by_a_tenth_describes_a_flat_profile(off: float, verdict: str) -> None:
    flow = gradient_flow(off * np.tile([1.0, -1, -1, 1], 25), 1.0)
    assert flow.decay_r2 < 0.1
    assert flow.verdict == verdict


def test_what_varies_by_rounding_alone_is_described_by_its_line() -> None:
    assert gradient_flow(1e-12 * np.tile([1.0, -1, -1, 1], 5), 1.0).decay_r2 == 1
    assert gradient_flow(1e-6 * np.tile([1.0, -1, -1, 1], 5), 1.0).decay_r2 < 0.1


@pytest.mark.parametrize(
    ("logs", "shape"),
    [
        # A range of 4, of which a quarter, 1, is no clear turn, and a little more is.
        ([0, -4, -3, -3.5], "falls"),
        ([0, -4, -2.99, -3.5], "falls and rises"),
        ([0, 4, 3, 3.2], "rises"),
        ([0, 4, 2.99, 3.2], "rises and falls"),
        ([0, -4, -2.9, -3.99], "wavers"),
        ([0, -1.2, 2.8, 2.8, 2.7, 2.75], "falls and rises"),
        ([0, 1.2, -2.8, -2.8, -2.7, -2.75], "rises and falls"),
        # What counts is the farthest point since the last turn, not the one before.
        ([0, -2, -4, -3.5, -2.9, -2.9], "falls and rises"),
        ([0, 2, 4, 3.5, 2.9, 2.9], "rises and falls"),
        ([0, -1, 3, 2.5, 2.2, 1.9], "rises and falls"),  # a range of 4: back by 1 at first is no clear turn
        ([0, 1, -3, -2.5, -2.2, -1.9], "falls and rises"),
        ([0, -1.1, 3, 2.5, 2.2, 1.9], "wavers"),
        ([0, 1.1, -3, -2.5, -2.2, -1.9], "wavers"),
        ([0, -5, 0, -INF, -INF, -INF], "breaks off"),
        ([0, -5, -5, -5, -INF, -INF], "falls"),
        ([0, 4, 3.9, 4, INF, INF], "rises"),
        ([0, 4, 3.9, 4, -INF, INF], "not finite"),
        ([0, 4, 3.9, 4, INF, -INF], "rises"),
        ([0, -5, -5, -5, -INF, NAN], "not finite"),
        ([0, -5, -5, -5, NAN, -INF], "not finite"),
        ([0, -5, -5, -5, INF, -INF], "not finite"),
        ([0, NAN, -INF, -INF], "not finite"),
        ([-INF, 0, 0, 0], "no error"),
    ],
)
def test_shapes_of_profiles_that_turn_or_end(logs: list[float], shape: str) -> None:
    flow = gradient_flow(np.array(logs, dtype=np.float64), 1.0)
    assert (flow.shape, flow.verdict) == (shape, "undefined")


def test_two_lags_make_a_line_and_one_says_nothing() -> None:
    flow = gradient_flow(np.array([0.0, np.log(0.5)]), 1.0)
    assert (np.exp(flow.decay_rate), flow.decay_r2, flow.verdict) == (pytest.approx(0.5), pytest.approx(1), "vanishing")
    flow = gradient_flow(np.array([0.0, -INF]), 1.0)
    assert (flow.decay_rate, flow.shape, flow.verdict) == (-INF, "nothing arrives", "vanishing")
    flow = gradient_flow(np.array([0.0, NAN, -INF]), 1.0)
    assert np.isnan(flow.decay_rate)
    flow = gradient_flow(np.array([-INF, -INF, -INF]), 1.0)
    assert np.isnan(flow.decay_rate)
    assert (flow.shape, flow.verdict) == ("no error", "undefined")


@pytest.mark.parametrize(
    ("logs", "horizon"),
    [
        ([0, -0.9, -1.0, -2.0], 2),  # exactly 1/e is left: that is no more than it
        ([0, -0.9, -0.99, -0.999], INF),
        ([0, -0.5, NAN, -2.0], NAN),
        ([0, -2.0, NAN, NAN], 1),
        ([0, INF, -3.0], 2),
        ([NAN, -2.0], NAN),
        ([-INF, -INF], NAN),
        ([0, -1.04], 1),
    ],
)
def test_the_horizon_is_the_first_lag_at_which_a_third_is_left(logs: list[float], horizon: float) -> None:
    found = gradient_flow(np.array(logs, dtype=np.float64), 1.0).horizon
    assert found == horizon or (np.isnan(found) and np.isnan(horizon))


def test_a_falling_line_that_ends_in_an_overflow_has_no_verdict() -> None:
    logs = np.append(np.log(0.5) * np.arange(10), INF)
    flow = gradient_flow(logs, 1.0)
    assert (flow.shape, flow.verdict) == ("not finite", "undefined")
    assert flow.grad_ratio == 1.0
