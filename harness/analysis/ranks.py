"""Rank correlation over the settings of a sweep, with its uncertainty."""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from harness.analysis.runs import with_names

if TYPE_CHECKING:
    import pandas as pd

MIN_SETTINGS = 5
"""With fewer settings, permutations cannot tell a relation from chance."""

PERMUTATIONS = 4999
RESAMPLES = 2000


@dataclass(frozen=True)
class RankCorrelation:
    """A rank correlation.

    Attributes:
        low, high: its 99 % interval.
        p: two-sided p value of there being none.
    """

    rho: float
    low: float
    high: float
    p: float


def rank_correlation(runs: pd.DataFrame, one: str, other: str) -> RankCorrelation | None:
    """How two columns go together by ranks, over the settings of a sweep, within each length (Spearman).

    Longer is harder and leaves less gradient: ranks are taken within a length, around their mean, so that a length
    with a single setting says nothing. Runs that differ in the seed alone, and the same cell and weight scale at
    another length, are no evidence of their own. So the mean over seeds is ranked; a setting (variant of a cell and
    weight scale) keeps its lengths and seeds together where settings are exchanged among each other (p value) or drawn
    again (interval).

    Returns:
        None where there are too few settings, or all ranks of a column are equal.
    """
    setting = ["who", "weight_scale"]
    means = with_names(runs).astype({one: float, other: float}).groupby([*setting, "seq_len"])[[one, other]].mean()
    ranks = means.groupby(level="seq_len").rank()
    centred = (ranks - ranks.groupby(level="seq_len").transform("mean")).reset_index()
    x, y = (
        centred.pivot(index=setting, columns="seq_len", values=column).to_numpy(dtype=np.float64)
        for column in (one, other)
    )
    here = np.isfinite(x)
    x, y = np.where(here, x, 0.0), np.where(here, y, 0.0)
    if len(x) < MIN_SETTINGS or not x.any() or not y.any():
        return None
    rng = np.random.default_rng(0)
    rho = float(_cosines(x, y))
    exchanged = np.concatenate([_cosines(x, y[orders]) for orders in _parts(_exchanges(here, rng))])
    drawn = rng.integers(len(x), size=(RESAMPLES, len(x)))
    low, high = np.nanquantile(np.concatenate([_cosines(x[rows], y[rows]) for rows in _parts(drawn)]), [0.005, 0.995])
    p = np.mean(np.abs(exchanged) >= abs(rho) - 1e-12)
    return RankCorrelation(rho, float(low), float(high), float(p))


def _parts(orders: NDArray[np.int64]) -> list[NDArray[np.int64]]:
    """The rows in parts: what is computed for all of them at once would take hundreds of megabytes."""
    return np.array_split(orders, -(-len(orders) // 500))


def _exchanges(here: NDArray[np.bool_], rng: np.random.Generator) -> NDArray[np.int64]:
    """Orders of the settings, a row each: the one that is, and all others or many of them drawn at random.

    Settings change places with those alone that have runs at the same lengths.
    """
    kinds = [np.flatnonzero((here == kind).all(axis=1)) for kind in np.unique(here, axis=0)]
    count = math.prod(math.factorial(len(kind)) for kind in kinds)
    choices: list[Any]
    if count <= PERMUTATIONS:
        choices = list(itertools.product(*(itertools.permutations(kind) for kind in kinds)))
    else:
        choices = [tuple(kinds), *(tuple(rng.permutation(kind) for kind in kinds) for _ in range(PERMUTATIONS))]
    orders = np.empty((len(choices), len(here)), dtype=np.int64)
    for place, kind in enumerate(kinds):
        orders[:, kind] = np.array([choice[place] for choice in choices])
    return orders


def _cosines(x: NDArray[np.float64], y: NDArray[np.float64]) -> NDArray[np.float64]:
    """Correlations over the last two axes of values that are centred already; NaN where there is nothing to compare."""
    size = np.sqrt((x**2).sum(axis=(-2, -1)) * (y**2).sum(axis=(-2, -1)))
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray((x * y).sum(axis=(-2, -1)) / size)
