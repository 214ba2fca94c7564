from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.measure.flow import gradient_flow


def flow_of(norms: list[float] | np.ndarray, cue_lag: int = -1):
    by_lag = np.asarray(norms, dtype=np.float64)
    return gradient_flow(by_lag, by_lag[cue_lag])


@given(st.floats(0.5, 1.5), st.floats(1e-3, 1e3), st.integers(2, 200))
def test_a_geometric_profile_gives_back_its_factor(factor: float, start: float, length: int) -> None:
    flow = flow_of(start * factor ** np.arange(length))
    assert np.exp(flow.decay_rate) == pytest.approx(factor, rel=1e-9)
    assert flow.grad_ratio == pytest.approx(factor ** (length - 1), rel=1e-9)


@pytest.mark.parametrize(("factor", "verdict"), [(0.9, "vanishing"), (1.0, "stable"), (1.1, "exploding")])
def test_verdict_follows_the_factor_per_step(factor: float, verdict: str) -> None:
    assert flow_of(factor ** np.arange(50)).verdict == verdict


def test_horizon_is_the_lag_at_which_a_third_is_left() -> None:
    # 0.9^9 = 0.387, 0.9^10 = 0.349; 1/e = 0.368
    assert flow_of(0.9 ** np.arange(50)).horizon == 10
    assert flow_of(np.ones(50)).horizon == np.inf


def test_zeros_and_infinities_are_left_out_of_the_slope() -> None:
    norms = 0.8 ** np.arange(20)
    norms[15:] = 0
    assert np.exp(flow_of(norms).decay_rate) == pytest.approx(0.8)
    norms = 1.5 ** np.arange(20)
    norms[10:] = np.inf
    assert np.exp(flow_of(norms).decay_rate) == pytest.approx(1.5)


def test_a_gradient_that_reaches_no_earlier_step_vanishes_at_once() -> None:
    flow = flow_of([2.0, 0, 0, 0])
    assert (flow.decay_rate, flow.grad_ratio, flow.horizon, flow.verdict) == (-np.inf, 0, 1, "vanishing")


@pytest.mark.parametrize("norms", [[np.nan] * 4, [np.inf] * 4, [0.0] * 4, [1.0]])
def test_without_a_slope_there_is_no_verdict(norms: list[float]) -> None:
    flow = flow_of(norms)
    assert np.isnan(flow.decay_rate)
    assert flow.verdict == "undefined"
