"""Mean field of random networks: lengths, correlations and gradients from step to step, for many units.

With H → ∞ units, what enters a unit, u = h · W + x · W_x + b, is normal. Its variance q and the correlation c of two
sequences obey maps from one step to the next:

    q  ←  g² E[φ(u)²] + v                 u ~ N(0, q)                       length
    c  ←  (g² E[φ(u₁) φ(u₂)] + v c_x) / q  u₁, u₂ ~ N(0, q), correlation c  correlation
    χ  =  g² E[φ'(u)²]                                                     gradients' squared norm per step back

where g² / H is the variance of recurrent weights, v that of inputs and biases together, c_x their correlation. χ < 1 is
order (gradients vanish, sequences that differ come together), χ > 1 chaos.

Source: Poole, Lahiri, Raghu, Sohl-Dickstein, Ganguli, "Exponential expressivity in deep neural networks through
transient chaos", NIPS 2016; Schoenholz, Gilmer, Ganguli, Sohl-Dickstein, "Deep information propagation", ICLR 2017. For
recurrent networks, whose weights are the same at every step: Chen, Pennington, Schoenholz, "Dynamical isometry and a
mean field theory of RNNs", ICML 2018.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import special
from scipy.optimize import brentq

Values = NDArray[np.float64]
Function = Callable[[Values], Values]


@dataclass(frozen=True)
class Activation:
    """A function of units, and its first two derivatives."""

    value: Function
    slope: Function
    bend: Function


ACTIVATIONS = {
    "linear": Activation(lambda u: u, np.ones_like, np.zeros_like),
    "relu": Activation(lambda u: np.maximum(u, 0), lambda u: (u > 0).astype(float), np.zeros_like),
    "tanh": Activation(
        np.tanh, lambda u: 1 - np.tanh(u) ** 2, lambda u: -2 * np.tanh(u) * (1 - np.tanh(u) ** 2)
    ),
    "erf": Activation(
        special.erf,
        lambda u: 2 / math.sqrt(math.pi) * np.exp(-(u**2)),
        lambda u: -4 / math.sqrt(math.pi) * u * np.exp(-(u**2)),
    ),
}  # fmt: skip
"""By name."""

POINTS = np.linspace(-12, 12, 6001)
WEIGHTS = np.exp(-(POINTS**2) / 2) / np.exp(-(POINTS**2) / 2).sum()
"""The normal distribution on a fine grid: exact to rounding for what is smooth, even where it is narrow."""

LARGEST = 1e12
"""A variance beyond it is taken for one without a bound."""


def expectation(function: Function, variance: float) -> float:
    """E[f(u)] for u ~ N(0, variance); a kink at 0 is halved."""
    return float(WEIGHTS @ function(math.sqrt(variance) * POINTS))


def length_map(activation: str, scale: float, variance: float, q: float) -> float:
    """The variance q of a step from that of the step before."""
    return scale**2 * expectation(lambda u: ACTIVATIONS[activation].value(u) ** 2, q) + variance


def fixed_length(activation: str, scale: float, variance: float) -> float:
    """q*, where the length map stays: the smallest that is stable; inf where lengths grow without bound."""
    if activation in ("linear", "relu"):  # the map is a straight line
        slope = scale**2 * (1.0 if activation == "linear" else 0.5)
        return variance / (1 - slope) if slope < 1 else (0.0 if variance == 0 and slope == 1 else math.inf)

    def grows(q: float) -> float:
        return length_map(activation, scale, variance, q) - q

    low = max(variance, 1e-12)
    if grows(low) <= 0:
        return variance
    return float(brentq(grows, low, scale**2 + variance + 1e-9, xtol=1e-14))


def chi(activation: str, scale: float, q: float) -> float:
    """χ: the factor per step of the gradient's mean squared norm, and of small differences, at the length q."""
    if activation == "relu":
        return scale**2 / 2
    return scale**2 * expectation(lambda u: ACTIVATIONS[activation].slope(u) ** 2, min(q, LARGEST))


def correlation_map(
    activation: str, scale: float, variance: float, q: float, c: float, input_correlation: float = 1.0
) -> float:
    """The correlation c of two sequences from that of the step before, at equal length q."""
    points, weights = np.polynomial.hermite_e.hermegauss(80)
    weights = weights / weights.sum()
    value = ACTIVATIONS[activation].value
    first = math.sqrt(q) * points[:, None]
    second = math.sqrt(q) * (c * points[:, None] + math.sqrt(max(0.0, 1 - c * c)) * points[None])
    mixed = weights @ (value(first) * value(second)) @ weights
    return float((scale**2 * mixed + variance * input_correlation) / q)


def fixed_correlation(activation: str, scale: float, variance: float, input_correlation: float = 1.0) -> float:
    """c*, to which the correlation of two sequences comes: 1 in order (with equal inputs), less in chaos."""
    q, c = fixed_length(activation, scale, variance), 0.5
    if q == 0 or math.isinf(q):
        return 1.0 if chi(activation, scale, q) <= 1 else math.nan
    if input_correlation == 1 and chi(activation, scale, q) <= 1:
        return 1.0
    for _ in range(2000):
        c, before = correlation_map(activation, scale, variance, q, c, input_correlation), c
        if abs(c - before) < 1e-12:
            break
    return c


def length_time(activation: str, scale: float, variance: float) -> float:
    """ξ_q: the steps over which a wrong length falls to 1/e of its distance from q*."""
    q, one = fixed_length(activation, scale, variance), ACTIVATIONS[activation]
    if activation == "relu":
        return time_of(scale**2 / 2)
    return time_of(scale**2 * expectation(lambda u: one.slope(u) ** 2 + one.value(u) * one.bend(u), min(q, LARGEST)))


def gradient_time(activation: str, scale: float, variance: float) -> float:
    """ξ: the steps over which mean squared gradients and small differences fall to 1/e; inf in chaos."""
    return time_of(chi(activation, scale, fixed_length(activation, scale, variance)))


def time_of(factor: float) -> float:
    """The steps over which what is multiplied by a factor falls to 1/e; inf where it does not fall."""
    return math.inf if factor >= 1 else 0.0 if factor <= 0 else -1 / math.log(factor)
