"""Gated networks: the GRU, the LSTM and the minimal RNN with random weights, around the state in which they settle.

With weights that are the same at every step, a network whose inputs are weak settles in a fixed point. There a step
multiplies small differences, and on the way back the gradient, by a matrix: what a unit keeps by itself on the
diagonal, plus random matrices whose rows are scaled by what the gates let through. The largest modulus λ of its
eigenvalues is the factor per step in the long run:

    GRU    1 = g² E[(a_n² + a_r²) / (λ - z)²]            a_n = (1 - z) n' r,  a_r = (1 - z) n' m r'
    LSTM   1 = g² E[p² (a_i² + a_f² + a_g²) / (λ - f)² + a_o² / λ²]
                                     p = o tanh'(c),  a_i = g i',  a_f = c f',  a_g = i g',  a_o = tanh(c) o'

(or the most that any unit keeps, where that is more). Means are over units, whose gates are normal before the sigmoid.
λ = 1 is the border between order and chaos, exactly where inputs vanish: for a GRU g = 2 whatever its bias, for an LSTM
of forget gates f, g = 4 (1 - f). Beyond, networks do not settle, and λ of the fixed point overstates the growth.

Source: Can, Krishnamurthy, Schwab, "Gating creates slow modes and controls phase-space complexity in GRUs and LSTMs",
MSML 2020 (state-to-state Jacobians by random matrix theory). Gilboa, Chang, Chen, Yang, Schoenholz, Chi, Pennington,
"Dynamical isometry and a mean field theory of LSTMs and GRUs", arXiv:1901.08987, 2019, treat time scales and Jacobians
of both in mean field. The formulas above are derived here from the eigenvalues' border of a diagonal plus scaled random
matrices. With weights drawn anew at every step squared norms would add up instead, λ² = E[keeps² + …]:
`FixedPoint.untied` gives that factor, too, which measurements with shared weights do not bear out.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import brentq
from scipy.special import expit

from harness.theory.base import Theory

Values = NDArray[np.float64]

NODES = 9
"""Points per normal variable: up to four of them are integrated over at once."""


@dataclass(frozen=True)
class FixedPoint:
    """Units of a network that has settled, each of a weight.

    Attributes:
        keeps: what each unit keeps by itself, as a share.
        mixes: the mean square of what random matrices add to each, at weight scale 1, and of the part that takes a
            detour over no unit that keeps (an LSTM's output gate).
        weights: how much each counts; they add up to 1.
    """

    keeps: Values
    mixes: Values
    detour: Values
    weights: Values

    def edge(self, scale: float) -> float:
        """λ: the largest modulus of the eigenvalues, at a weight scale."""
        most = float(self.keeps.max())

        def beyond(modulus: float) -> float:
            shares = self.mixes / (modulus - self.keeps) ** 2 + self.detour / modulus**2
            return scale**2 * float(self.weights @ shares) - 1

        low, high = max(most * (1 + 1e-9), 1e-12), most + scale * (1 + math.sqrt(self.mixes.max() + self.detour.max()))
        return float(brentq(beyond, low, high * 2)) if beyond(low) > 0 else most

    def untied(self, scale: float) -> float:
        """The factor per step if weights were drawn anew at every step."""
        return math.sqrt(float(self.weights @ (self.keeps**2 + scale**2 * (self.mixes + self.detour))))


def normals(count: int) -> tuple[list[Values], Values]:
    """Points of independent standard normal variables on a grid, flattened, and their weights."""
    points, weights = np.polynomial.hermite_e.hermegauss(NODES)
    grids = np.meshgrid(*[points] * count, indexing="ij")
    shares = np.prod(np.meshgrid(*[weights / weights.sum()] * count, indexing="ij"), axis=0)
    return [grid.ravel() for grid in grids], shares.ravel()


def settled(square: Callable[[float], float]) -> float:
    """The smallest mean square Q of states that a step reproduces, Q = square(Q); 0 where that is stable."""

    def grows(q: float) -> float:
        return square(q) - q

    low = 1e-12
    return 0.0 if grows(low) <= 0 else float(brentq(grows, low, 1.0, xtol=1e-13)) if grows(1.0) < 0 else 1.0


@dataclass(frozen=True)
class GatedUnit(Theory):
    """A GRU whose reset gate is applied after the product; see the module.

    Attributes:
        bias: of the update gate, which keeps where it is 1.
    """

    bias: float = 0.0

    def fixed_point(self, weight_scale: float, input_variance: float) -> FixedPoint:
        """Where it settles: h = n, a fixed point of h = tanh(x_n + r m)."""
        (x, m, reset, update), weights = normals(4)

        def parts(q: float) -> tuple[Values, Values, Values]:
            read = weight_scale * math.sqrt(q)
            r = expit(math.sqrt(read**2 + input_variance) * reset)
            return np.tanh(math.sqrt(input_variance) * x + r * read * m), r, read * m

        q = settled(lambda q: float(weights @ parts(q)[0] ** 2))
        n, r, read = parts(q)
        z = expit(self.bias + math.sqrt(weight_scale**2 * q + input_variance) * update)
        through = (1 - z) * (1 - n**2)
        mixes = (through * r) ** 2 + (through * read * r * (1 - r)) ** 2
        return FixedPoint(z, mixes, np.zeros_like(mixes), weights)

    def rate(self, weight_scale: float, input_variance: float) -> float:
        """ln λ."""
        return math.log(self.fixed_point(weight_scale, input_variance).edge(weight_scale))


@dataclass(frozen=True)
class LongShortTermMemory(Theory):
    """An LSTM; the gradient is that in its cell state. See the module.

    Attributes:
        bias: of the forget gate.
    """

    bias: float = 0.0

    def fixed_point(self, weight_scale: float, input_variance: float) -> FixedPoint:
        """Where it settles: c = i g / (1 - f), h = o tanh(c)."""
        (inward, keep, tell, new), weights = normals(4)

        def parts(q: float) -> tuple[Values, ...]:
            spread = math.sqrt(weight_scale**2 * q + input_variance)
            i, f, o = expit(spread * inward), expit(self.bias + spread * keep), expit(spread * tell)
            g = np.tanh(spread * new)
            return i, f, o, g, i * g / (1 - f)

        def square(q: float) -> float:
            _, _, o, _, c = parts(q)
            return float(weights @ (o * np.tanh(c)) ** 2)

        i, f, o, g, c = parts(settled(square))
        passed = (o * (1 - np.tanh(c) ** 2)) ** 2
        mixes = (g * i * (1 - i)) ** 2 + (c * f * (1 - f)) ** 2 + (i * (1 - g**2)) ** 2
        return FixedPoint(f, passed * mixes, (np.tanh(c) * o * (1 - o)) ** 2, weights)

    def rate(self, weight_scale: float, input_variance: float) -> float:
        """ln λ."""
        return math.log(self.fixed_point(weight_scale, input_variance).edge(weight_scale))


@dataclass(frozen=True)
class Minimal(Theory):
    """A minimal RNN, h_t = u h_{t-1} + (1 - u) z_t: what it keeps is the gate alone, and inputs drive it.

    A state that averages independent inputs z differs from the next one by a variance of 2 E[z²] / (1 + u), so that

        χ = E[u²] + g² E[u'²] 2 E[z²] / (1 + u)          (u of the bias where only it stands)

    What the gate sums up has the variance g² E[z²] (1 - u) / (1 + u) + E[z²] / 3: its input weights are uniform within
    ±1/√H.

    Source: Chen, Pennington, Schoenholz, "Dynamical isometry and a mean field theory of RNNs", ICML 2018, which
    introduces this cell to show how gates keep gradients; the closed form for independent inputs is derived here.

    Attributes:
        bias: of the update gate, which keeps where it is 1.
    """

    bias: float = 0.0

    def rate(self, weight_scale: float, input_variance: float) -> float:
        """½ ln χ, at first order in the variance of the inputs."""
        u, z_squared = float(expit(self.bias)), input_variance
        (gate,), weights = normals(1)
        spread = math.sqrt(weight_scale**2 * z_squared * (1 - u) / (1 + u) + z_squared / 3)
        kept = expit(self.bias + spread * gate)
        slope = float(weights @ (kept * (1 - kept)) ** 2)
        return 0.5 * math.log(float(weights @ kept**2) + weight_scale**2 * slope * 2 * z_squared / (1 + u))
