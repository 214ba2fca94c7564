"""How sure an accuracy is: standard errors from held-out samples, and comparisons that allow for them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import ArrayLike

TAIL = 0.00135
"""How often a comparison may err: as often as a normal number lies more than three standard errors above its mean."""


def accuracies(runs: pd.DataFrame, by: Sequence[str]) -> pd.DataFrame:
    """Mean accuracy of groups of runs, and how sure it is.

    Runs of one seed are judged on the same held-out samples: together they are no surer than one of them.

    Args:
        by: columns that make up a group.

    Returns:
        One row per group, with ``by`` as index: ``accuracy``, the mean over all runs; ``accuracy_se``, its standard
        error; ``freedom``, the degrees of freedom of that error.
    """
    by_seed = runs.groupby([*by, "seed"], dropna=False)
    counts = by_seed.size()
    share = counts / counts.groupby(level=list(by), dropna=False).transform("sum")
    squares = (share * by_seed.accuracy_se.mean().astype(float)) ** 2
    freedom = by_seed.eval_samples.max().astype(float) - 1
    groups = squares.to_frame("squares").assign(freedom=freedom).groupby(level=list(by), dropna=False)
    sums = groups.sum(min_count=1)
    found = runs.groupby(list(by), dropna=False)[["accuracy"]].mean()
    return found.assign(accuracy_se=np.sqrt(sums.squares), freedom=sums.freedom)


def threshold(freedom: ArrayLike, tries: int = 1) -> np.ndarray:
    """How many standard errors above chance are no luck: three, and more where the error comes from few samples.

    Args:
        freedom: degrees of freedom of the standard error (Student's t).
        tries: how many comparisons are made, of which the best will be told.
    """
    from scipy.special import stdtrit

    return np.asarray(stdtrit(np.asarray(freedom, dtype=float), 1 - TAIL / tries))


def surely_higher(one: pd.DataFrame | pd.Series, other: pd.DataFrame | pd.Series) -> pd.Series | bool:
    """Whether accuracies of `accuracies` are higher than others by more than what samples alone may bring about."""
    luck = threshold(np.minimum(one.freedom, other.freedom)) * np.hypot(one.accuracy_se, other.accuracy_se)
    return one.accuracy > other.accuracy + luck


def not_above(measured: pd.DataFrame, chance: pd.Series) -> pd.Series:
    """Whether the accuracies of `accuracies` are not distinguishable from guessing, or below."""
    return measured.accuracy <= chance + threshold(measured.freedom) * measured.accuracy_se


def below(measured: pd.DataFrame, chance: pd.Series) -> pd.Series:
    """Whether the accuracies of `accuracies` are below guessing for certain: of a network that learned to say less."""
    return measured.accuracy < chance - threshold(measured.freedom) * measured.accuracy_se
