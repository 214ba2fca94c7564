"""What one profile of the transported gradient says: its shape, rate of decay, horizon, verdict.

A profile is ``log_ratio`` as a function of ``lag``, the distance back from a sample's last judged output: the natural
logarithm of the gradient's norm, relative to that at lag 0, as a mean over samples.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

VANISHING_BELOW = 0.98
EXPLODING_ABOVE = 1.02
"""Verdict thresholds on the factor per step: 0.98 loses, 1.02 gains a factor e in 50 steps."""

LINE_R2 = 0.9
"""From this share of the profile's variance on, a line describes it."""

LINE_RESIDUAL = 0.1
"""A line that is off by no more than this (root mean square, about 10 % of the norm) describes it, too: where the
profile is flat, there is no variance that the line could explain."""

NOTHING = 1e-18
"""A variance below it comes from rounding: the profile does not vary."""

TURN = 0.25
"""Without a line, the profile turns where it goes back by more than this share of its whole range."""

VERDICTS = ["vanishing", "stable", "exploding", "rising", "undefined"]


@dataclass(frozen=True)
class GradientFlow:
    """Figures derived from one profile.

    Attributes:
        decay_rate: least-squares slope of ``log_ratio`` per step of lag, over the lags at which it is finite; its
            exponential is the factor per step. ``-inf`` where the gradient is exactly zero at every lag but 0 (a
            network without memory), NaN where there is nothing to fit.
        decay_r2: share of the variance over these lags that the line explains; 1 of a profile that does not vary, NaN
            without a line.
        shape: in words. ``falls``, ``flat`` or ``rises`` where a line describes the profile (`LINE_R2`,
            `LINE_RESIDUAL`), by the thresholds of the verdict; else what it does on its way back, as far as it turns
            clearly (`TURN`): ``falls``, ``rises``, ``falls and rises``, ``rises and falls``, ``wavers``. ``breaks
            off``: it is zero from some lag on without having fallen there; ``nothing arrives``: at no lag but 0;
            ``no error``: not at lag 0 either; ``not finite``: it overflows without having risen, or is no number;
            ``one step``: there is no step back.
        grad_ratio: gradient at the steps that hold the information over that at the step of the answer.
        horizon: smallest lag at which ``log_ratio`` is -1 or less (1/e is left); inf where it never is.
        verdict: ``vanishing``, ``stable`` or ``exploding`` by the factor per step where a line describes the profile,
            ``rising`` in place of exploding where the task is solved; else ``undefined``.
    """

    decay_rate: float
    decay_r2: float
    shape: str
    grad_ratio: float
    horizon: float
    verdict: str


def gradient_flow(log_ratio: NDArray[np.float64], cue_ratio: float, solved: bool = False) -> GradientFlow:
    """Derive the figures of a profile.

    Args:
        log_ratio: shape (L,), by lag; 0 at lag 0, NaN there where no sample has a finite gradient.
        cue_ratio: see `GradientFlow.grad_ratio`.
        solved: whether training has solved the task. A gradient that grows towards the cue is then how it was
            solved, and nothing that explodes.
    """
    rate, r2, residual = fit(log_ratio)
    line = r2 >= LINE_R2 or residual <= LINE_RESIDUAL or np.isneginf(rate)
    by_factor = verdict(rate) if line else "undefined"
    shape = shape_of(log_ratio, by_factor)
    if by_factor != "undefined" and shape not in (SHAPES[by_factor], "nothing arrives"):
        by_factor = "undefined"
    if by_factor == "exploding" and solved:
        by_factor = "rising"
    return GradientFlow(rate, r2, shape, float(cue_ratio), horizon(log_ratio), by_factor)


def fit(log_ratio: NDArray[np.float64]) -> tuple[float, float, float]:
    """Slope over lag, R² and root mean square residual of a line through the finite values (see `GradientFlow`)."""
    lag = np.flatnonzero(np.isfinite(log_ratio))
    if len(lag) >= 2:
        known = log_ratio[lag]
        slope, offset = np.polyfit(lag, known, 1)
        off = float(np.mean((known - offset - slope * lag) ** 2))
        varies = float(known.var())
        return float(slope), 1 - off / varies if varies > NOTHING else 1.0, float(np.sqrt(off))
    arrives_nowhere = len(log_ratio) > 1 and np.isfinite(log_ratio[0]) and np.isneginf(log_ratio[1:]).all()
    return (-np.inf if arrives_nowhere else np.nan), np.nan, np.nan


SHAPES = {"vanishing": "falls", "stable": "flat", "exploding": "rises"}
"""The shape of a profile that a line describes."""

MOVES = {(-1,): "falls", (1,): "rises", (-1, 1): "falls and rises", (1, -1): "rises and falls"}
"""The shape of one that goes down (-1) and up (1) in this order."""


def shape_of(log_ratio: NDArray[np.float64], by_factor: str) -> str:
    """A profile's shape in words (see `GradientFlow`).

    Args:
        by_factor: the verdict of a line through its finite values; ``undefined`` where none describes them.
    """
    if not np.isfinite(log_ratio[0]):
        return "no error" if np.isneginf(log_ratio[0]) else "not finite"
    if len(log_ratio) == 1:
        return "one step"
    if np.isneginf(log_ratio[1:]).all():
        return "nothing arrives"
    end = int(np.isfinite(log_ratio).argmin()) or len(log_ratio)
    beyond = log_ratio[end:]
    shape = SHAPES.get(by_factor) or _by_moves(log_ratio[:end])
    if not len(beyond) or (np.isneginf(beyond).all() and shape == "falls"):
        return shape
    if np.isneginf(beyond).all():
        return "breaks off"
    return shape if shape == "rises" and np.isposinf(beyond[0]) else "not finite"


def _by_moves(profile: NDArray[np.float64]) -> str:
    """The shape by clear turns: back by more than `TURN` of the range from the farthest point since the last turn."""
    clear = TURN * np.ptp(profile)
    low = high = profile[0]
    moves: list[int] = []
    for value in profile:
        low, high = min(low, value), max(high, value)
        if moves[-1:] != [1] and value - low > clear:
            moves.append(1)
            high = value
        elif moves[-1:] != [-1] and high - value > clear:
            moves.append(-1)
            low = value
    return MOVES.get(tuple(moves), "wavers")


def horizon(log_ratio: NDArray[np.float64]) -> float:
    """Smallest lag at which 1/e of the gradient at lag 0 is left, or less (see `GradientFlow`)."""
    if not np.isfinite(log_ratio[0]):
        return float("nan")
    fallen = np.flatnonzero((log_ratio <= -1) | np.isnan(log_ratio))
    if not len(fallen):
        return float("inf")
    return float("nan") if np.isnan(log_ratio[fallen[0]]) else float(fallen[0])


def verdict(rate: float) -> str:
    """The name for a decay rate, by the documented thresholds on the factor per step ``exp(rate)``."""
    if np.isnan(rate):
        return "undefined"
    if rate < np.log(VANISHING_BELOW):
        return "vanishing"
    return "exploding" if rate > np.log(EXPLODING_ABOVE) else "stable"
