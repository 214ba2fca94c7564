"""Directions and lengths of vectors whose sizes may be beyond what a square holds."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray


def unit(vectors: NDArray[Any]) -> tuple[NDArray[Any], NDArray[Any]]:
    """Vectors (…, S) brought to length 1, and the lengths that they had, (…): their largest entry is taken out first.

    A vector of zeros, or with an entry that is no number, has NaN for its direction.
    """
    with np.errstate(all="ignore"):
        largest = np.abs(vectors).max(axis=-1, keepdims=True)
        scaled = vectors / largest
        length = np.linalg.norm(scaled, axis=-1)
        return scaled / length[..., None], np.where(largest[..., 0] == 0, 0.0, length * largest[..., 0])
