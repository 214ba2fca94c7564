"""What samples have in common in their gradients, against how much they differ."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray


class Signal(NamedTuple):
    """Of vectors of many samples, over all leading dimensions.

    Attributes:
        mean: length of their mean.
        spread: the root of the mean squared distance from it, as an unbiased estimate.
        ratio: mean / spread.
        by_unit: the same of every unit alone: |mean| / standard deviation, (…, width).
        samples: how many there are.
    """

    mean: NDArray[np.float64]
    spread: NDArray[np.float64]
    ratio: NDArray[np.float64]
    by_unit: NDArray[np.float64]
    samples: NDArray[np.int64]


def signal(vectors: NDArray[np.float64], known: NDArray[np.bool_]) -> Signal:
    """Compare mean and spread of vectors (…, B, width), of those of B that are `known`, (…, B).

    If samples pointed in random directions, their mean would have the length spread / √samples: a ratio of
    1 / √samples is noise. NaN of less than two samples, and where all are zero.
    """
    known = known[..., None]
    count = known.sum(axis=-2)
    vectors = np.where(known, vectors, 0)
    with np.errstate(all="ignore"):
        # The largest brought to 1: no square vanishes or overflows.
        largest = np.abs(vectors).max(axis=(-2, -1), keepdims=True)
        scale = np.where((largest > 0) & np.isfinite(largest), largest, 1)
        scaled = vectors / scale
        mean = scaled.sum(axis=-2) / count
        squares = np.where(known, (scaled - mean[..., None, :]) ** 2, 0).sum(axis=-2)
        variance = squares / np.where(count > 1, count - 1, np.nan)
        length, spread = np.sqrt((mean**2).sum(axis=-1)), np.sqrt(variance.sum(axis=-1))
        size = scale[..., 0, 0]
        return Signal(length * size, spread * size, length / spread, np.abs(mean) / np.sqrt(variance), count[..., 0])
