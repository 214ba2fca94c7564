"""Closed forms of linear recurrences h_t = h_{t-1} · W: what a product of many matrices does to a vector.

The gradient ``lag`` steps back is the gradient at the answer times W^lag. With an orthogonal matrix times g its norm is
exactly g^lag times that at the answer. With normal entries N(0, g²/H) the norm is random: in the mean, its square is
g^(2 lag) times that at the answer, and its logarithm spreads the more, the longer the way.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray
from scipy import special


def log_norm(scale: float, size: int, lag: int) -> tuple[float, float]:
    """Mean and standard deviation of ln ‖v W_1 … W_lag‖ for a unit vector v and independent matrices N(0, scale²/size).

    Each product is scale² χ²_size / size times the squared length of the one before, and independent of it. Exact for
    independent matrices; for powers of one matrix it holds as long as lag² is small beside ``size``.

    Source: Newman, "The distribution of Lyapunov exponents: exact results for random matrices", Communications in
    Mathematical Physics 103, 1986: there the limits of many factors.
    """
    mean = math.log(scale) + 0.5 * (math.log(2 / size) + special.digamma(size / 2))
    return lag * float(mean), math.sqrt(lag * special.polygamma(1, size / 2)) / 2


def lyapunov_exponents(scale: float, size: int) -> NDArray[np.float64]:
    """Growth rates of the singular values of products of many independent matrices N(0, scale²/size), (size,).

    Source: Newman 1986, see `log_norm`.
    """
    freedom = np.arange(size, 0, -1)
    return np.asarray(math.log(scale) + 0.5 * (math.log(2 / size) + special.digamma(freedom / 2)))


def power_moment(lag: int, order: int) -> float:
    """The mean of σ^(2 order) over the singular values σ of W^lag, for many units and weight scale 1: Fuss-Catalan.

    Of an orthogonal W it is 1. That it grows with the lag while the mean of σ² stays 1 says that the gradient is
    carried in fewer and fewer directions.

    Source: Alexeev, Götze, Tikhomirov, "Asymptotic distribution of singular values of powers of random matrices",
    Lithuanian Mathematical Journal 50, 2010.
    """
    return float(special.comb((lag + 1) * order, order, exact=True)) / (lag * order + 1)


def largest_singular_value(lag: int) -> float:
    """The largest singular value of W^lag for many units and weight scale 1: √((lag + 1)^(lag + 1) / lag^lag).

    Source: the edge of the distribution whose moments are `power_moment`.
    """
    return math.exp(0.5 * ((lag + 1) * math.log(lag + 1) - lag * math.log(lag)))
