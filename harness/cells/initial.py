"""Initial weights: the recurrent matrix at a chosen scale, and everything around it."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

Matrix = NDArray[np.float64]


def orthogonal(rng: np.random.Generator, size: int) -> Matrix:
    """A random orthogonal matrix: every singular value is 1 (Haar measure; Mezzadri 2007)."""
    q, r = np.linalg.qr(rng.standard_normal((size, size)))
    return np.asarray(q * np.sign(np.diag(r)))


def gaussian(rng: np.random.Generator, size: int) -> Matrix:
    """Independent entries N(0, 1/H): spectral radius 1 for large H (Ginibre's circular law)."""
    return rng.standard_normal((size, size)) / np.sqrt(size)


def identity(rng: np.random.Generator, size: int) -> Matrix:
    """The identity (Le, Jaitly, Hinton 2015)."""
    return np.eye(size)


def uniform(rng: np.random.Generator, size: int) -> Matrix:
    """Independent entries U(-1/√H, 1/√H): PyTorch's default for recurrent layers."""
    return rng.uniform(-1, 1, (size, size)) / np.sqrt(size)


RECURRENT_INITS: dict[str, Callable[[np.random.Generator, int], Matrix]] = {
    "orthogonal": orthogonal,
    "gaussian": gaussian,
    "identity": identity,
    "uniform": uniform,
}
"""Base matrices of ``init``; `weight_scale` multiplies them."""

GAINS = {"orthogonal": 1.0, "gaussian": 1.0, "uniform": 3**-0.5}
"""√H times the standard deviation of an entry of these base matrices, whose directions are random."""


DIAGONAL_INITS: dict[str, Callable[[np.random.Generator, int], NDArray[np.float64]]] = {
    "orthogonal": lambda rng, size: rng.choice([-1.0, 1.0], size),
    "gaussian": lambda rng, size: rng.standard_normal(size),
    "identity": lambda rng, size: np.ones(size),
    "uniform": lambda rng, size: rng.uniform(-1, 1, size),
}
"""The same for a recurrence of every unit with itself alone: a diagonal matrix of this kind."""


def dense(rng: np.random.Generator, fan_in: int, fan_out: int, size: int) -> Matrix:
    """Weights of a non-recurrent product, shape (fan_in, fan_out): U(-1/√size, 1/√size), PyTorch's default."""
    return rng.uniform(-1, 1, (fan_in, fan_out)) / np.sqrt(size)
