"""How much a number has changed between two sets of runs, and how sure that is.

Student's t, and no bootstrap: of the three to ten seeds that sweeps have, resampling makes intervals that are too
narrow.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

LEAST = 3
"""Fewer seeds than these say nothing of how much seeds differ."""

CONFIDENCE = 0.95
"""How often an interval holds the true difference."""


@dataclass(frozen=True)
class Difference:
    """A mean after a change, less that before it.

    Attributes:
        before: the mean of the values that are compared.
        after: likewise.
        change: ``after - before``.
        low: end of the interval that holds the true change in 95 % of cases; NaN where there are too few seeds.
        high: its other end.
        p: how often chance alone brings a change as large as this one, or larger; NaN without an interval.
        n: seeds before and after; the same ones where they are ``paired``.
        paired: whether each seed is compared with itself.
        each: a change for each seed after it, (n,): from the same seed before, or from the mean before.
    """

    before: float
    after: float
    change: float
    low: float
    high: float
    p: float
    n: tuple[int, int]
    paired: bool
    each: NDArray[np.float64] = field(compare=False)


def difference(before: Mapping[int, float], after: Mapping[int, float], resolution: float = 0.0) -> Difference:
    """What a change has done to a number: seed by seed where seeds are the same, else as two samples (Welch).

    Seeds are paired where at least three stand on both sides, or all of one side's; others are left out then.

    Args:
        before: seeds to values; what is not finite is left out.
        after: likewise.
        resolution: the values are known no better than this: seeds are taken to differ by it at least.
    """
    first, second = (
        {seed: value for seed, value in values.items() if math.isfinite(value)} for values in (before, after)
    )
    both = [seed for seed in first if seed in second]
    paired = len(both) >= min(LEAST, max(len(first), 1), max(len(second), 1))
    seeds = (both, both) if paired else (list(first), list(second))
    own, other = (
        np.array([values[seed] for seed in chosen], dtype=float)
        for values, chosen in zip((first, second), seeds, strict=True)
    )
    n = len(own), len(other)
    means = [float(values.mean()) if len(values) else math.nan for values in (own, other)]
    each = other - (own if paired else means[0])
    change = float(each.mean()) if len(each) else math.nan
    if min(n) < LEAST:
        return Difference(means[0], means[1], change, math.nan, math.nan, math.nan, n, paired, each)
    error, freedom = _error([each] if paired else [own, other], resolution)
    low, high, p = _interval(change, error, freedom)
    return Difference(means[0], means[1], change, low, high, p, n, paired, each)


def _error(samples: Sequence[NDArray[np.float64]], resolution: float) -> tuple[float, float]:
    """Standard error of a mean, or of the difference of two, and its degrees of freedom (Welch and Satterthwaite)."""
    squares = [max(float(values.std(ddof=1)), resolution) ** 2 / len(values) for values in samples]
    total = sum(squares)
    if total == 0:
        return 0.0, math.inf
    shares = sum(square**2 / (len(values) - 1) for square, values in zip(squares, samples, strict=True))
    return float(np.sqrt(total)), total**2 / shares


def _interval(change: float, error: float, freedom: float) -> tuple[float, float, float]:
    """The interval around a change, and its p."""
    from scipy.special import stdtr, stdtrit

    if error == 0:
        return change, change, float(change == 0)
    reach = float(stdtrit(freedom, (1 + CONFIDENCE) / 2)) * error
    return change - reach, change + reach, float(2 * stdtr(freedom, -abs(change) / error))


def holm(p: Sequence[float]) -> NDArray[np.float64]:
    """p-values after Holm's correction for as many comparisons as there are; NaN is no comparison and stays NaN.

    Source: S. Holm (1979), A simple sequentially rejective multiple test procedure.

    >>> holm([0.01, 0.04, float("nan"), 0.03]).tolist()
    [0.03, 0.06, nan, 0.06]
    """
    found = np.asarray(p, dtype=float).copy()
    known = np.flatnonzero(~np.isnan(found))
    order = known[np.argsort(found[known], kind="stable")]
    found[order] = np.minimum(np.maximum.accumulate(found[order] * np.arange(len(order), 0, -1)), 1)
    return found
