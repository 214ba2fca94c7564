"""What one gradient profile says: rate of decay, ratio, horizon, verdict.

A profile is ``grad_norm`` as a function of ``lag = T - t``: lag 0 is the last step, T - 1 the first.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

VANISHING_BELOW = 0.98
EXPLODING_ABOVE = 1.02
"""Verdict thresholds on the factor per step: 0.98 loses, 1.02 gains a factor e in 50 steps."""

VERDICTS = ["vanishing", "stable", "exploding", "undefined"]


@dataclass(frozen=True)
class GradientFlow:
    """Figures derived from one profile.

    Attributes:
        decay_rate: least-squares slope of log grad_norm per step of lag, over the finite, non-zero range;
            its exponential is the factor per step. ``-inf`` where the gradient is exactly zero at every
            lag but 0 (a network without memory), NaN where there is nothing to fit.
        grad_ratio: grad_norm at the step that holds the information over grad_norm at the last step.
        horizon: smallest lag at which grad_norm is at most 1/e of its value at lag 0; inf where it never is.
        verdict: ``vanishing``, ``stable`` or ``exploding`` by the factor per step, ``undefined`` without one.
    """

    decay_rate: float
    grad_ratio: float
    horizon: float
    verdict: str


def gradient_flow(grad_norm: NDArray[np.float64], cue_norm: float) -> GradientFlow:
    """Derive the figures of a profile.

    Args:
        grad_norm: shape (T,), by lag: ``grad_norm[0]`` belongs to the last step.
        cue_norm: grad_norm at the step that holds the information to be remembered.
    """
    rate = decay_rate(grad_norm)
    with np.errstate(all="ignore"):
        ratio = float(np.float64(cue_norm) / grad_norm[0])
    return GradientFlow(rate, ratio, horizon(grad_norm), verdict(rate))


def decay_rate(grad_norm: NDArray[np.float64]) -> float:
    """Slope of log grad_norm over lag (see `GradientFlow`)."""
    lag = np.arange(len(grad_norm), dtype=np.float64)
    usable = np.isfinite(grad_norm) & (grad_norm > 0)
    if usable.sum() >= 2:
        return float(np.polyfit(lag[usable], np.log(grad_norm[usable]), 1)[0])
    if len(grad_norm) > 1 and usable[0] and not grad_norm[1:].any():
        return float("-inf")
    return float("nan")


def horizon(grad_norm: NDArray[np.float64]) -> float:
    """Smallest lag at which grad_norm has fallen to 1/e of its value at lag 0 (see `GradientFlow`)."""
    if np.isnan(grad_norm).any():
        return float("nan")
    fallen = np.flatnonzero(grad_norm <= grad_norm[0] / np.e) if grad_norm[0] > 0 else np.array([])
    return float(fallen[0]) if len(fallen) else float("inf")


def verdict(rate: float) -> str:
    """The name for a decay rate, by the documented thresholds on the factor per step ``exp(rate)``."""
    if np.isnan(rate):
        return "undefined"
    if rate < np.log(VANISHING_BELOW):
        return "vanishing"
    return "exploding" if rate > np.log(EXPLODING_ABOVE) else "stable"
