"""Products of many matrices, in which no singular value is lost, however small or large.

Multiplied out, a product of Jacobians keeps what grows fastest, and rounding drowns the rest; after some hundred steps
it is zero or infinite. Here it is kept as U · D · V: U orthogonal, D diagonal, as logarithms, V with rows whose largest
entry is 1. A further factor changes U and D by a QR decomposition (Stewart, "On graded QR decompositions of products of
matrices", 1997; the same is done for determinants in quantum Monte Carlo), and at the end the singular values of D · V
are those of a matrix with rows of very different size, of which Jacobi's method finds every one to its own relative
accuracy (Drmač and Veselić, "New fast and accurate Jacobi SVD algorithm", 2008: LAPACK's dgejsv).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from harness.measure.layer_step import ROOM
from harness.measure.moment import Moment
from harness.measure.one_thread import linear_algebra_on_one_thread

REACH = 600.0
"""Natural logarithm of the range of sizes that one call of dgejsv is given: doubles reach over 1416."""

SWEEPS = 3
"""QR decompositions from both sides before a matrix is cut into pieces: they take away what connects them."""


class LongProduct:
    """The product of many matrices, for N products at once: begins as the identity, (N, S, S).

    Args:
        like: a tensor (N, S, …) on the device to compute on.
    """

    def __init__(self, like: Tensor):
        count, size = like.shape[:2]
        self._left = torch.eye(size, dtype=torch.float64, device=like.device).repeat(count, 1, 1)
        self._log = torch.zeros(count, size, dtype=torch.float64, device=like.device)
        self._right = self._left

    def multiply(self, factor: Tensor) -> None:
        """Multiply from the left: P becomes factor · P, with a factor (N, S, S) for every product."""
        self._left, self._log, rows, order = graded_qr(factor.double() @ self._left, self._log)
        self._right = rows @ self._right.gather(1, order[..., None].expand_as(self._right))

    def svd(self) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
        """Natural logarithms of the singular values, (N, S), largest first, and the left and right singular vectors.

        Returns:
            -inf for a value of exactly zero; vectors as columns, (N, S, S), P = left · diag(exp(log)) · rightᵀ. NaN
            throughout where the product is not finite.
        """
        left, log, right = self._left, self._log, self._right
        with linear_algebra_on_one_thread():
            found = [_graded_svd(*each) for each in zip(log.cpu().numpy(), right.cpu().numpy(), strict=True)]
        inner, logs, outer = (np.stack(each) for each in zip(*found, strict=True))
        return logs, left.cpu().numpy() @ inner, outer


def graded_qr(columns: Tensor, log: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Decompose A · D into Q · D' · R, where A (N, S, S) is given, and D and D' are diagonal.

    Args:
        log: logarithms of D, (N, S).

    Returns:
        Q; logarithms of D'; R, whose rows' largest entry is 1; and the order of the columns of A, by the size that D
        gives them, largest first: that of the columns of R.
    """
    size = log + columns.norm(dim=-2).log()
    order = size.argsort(dim=-1, descending=True, stable=True)
    q, r = torch.linalg.qr(columns.gather(2, order[:, None].expand_as(columns)))
    entries = r.abs().log() + log.gather(1, order)[:, None]
    scale = entries.amax(dim=-1)
    rows = r.sign() * (entries - scale.where(scale > -torch.inf, 0)[..., None]).exp()
    return q, scale, rows, order


def _graded_svd(
    log: NDArray[np.float64], rows: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Singular values of exp(log) · rows, as logarithms, between left and right singular vectors.

    Args:
        log: (S,).
        rows: (S, S).
    """
    size = len(log)
    if np.isnan(log).any() or np.isposinf(log).any() or not np.isfinite(rows).all():
        nothing = np.full((size, size), np.nan)
        return nothing, np.full(size, np.nan), nothing
    if log.max() > log.min() + REACH:
        left, log, rows, right = _disconnected(log, rows)
    else:
        order = np.argsort(-log, kind="stable")
        left, log, rows, right = np.eye(size)[:, order], log[order], rows[order], np.eye(size)
    values, inner, outer = np.full(size, -np.inf), np.eye(size), np.eye(size)
    start, known = 0, int((log > -np.inf).sum())
    while start < known:
        stop = start + int((log[start:known] >= log[start] - REACH).sum())
        piece = slice(start, stop)
        values[piece], inner[piece, piece], outer[piece, piece] = _jacobi_svd(log[piece], rows[piece, piece])
        start = stop
    order = np.argsort(-values, kind="stable")
    return left @ inner[:, order], values[order], right @ outer[:, order]


def _disconnected(
    log: NDArray[np.float64], rows: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """The same matrix as left · exp(log) · rows · rightᵀ, largest first, in which what differs by `REACH` is apart.

    The transpose of D · V is Vᵀ · D, which `graded_qr` takes from the other side; every time, what connects a large
    and a small value shrinks by the square of their ratio.
    """
    left = right = torch.eye(len(log), dtype=torch.float64)
    scale, inner = torch.from_numpy(log)[None], torch.from_numpy(rows)[None]
    for _ in range(2 * SWEEPS):
        q, scale, made, order = graded_qr(inner.mT, scale)
        # left · D · V · rightᵀ = left[order] · (Q D' R)ᵀ · rightᵀ: now the transpose is what is decomposed.
        left, right = right @ q[0], left[:, order[0]]
        inner = made
    return left.numpy(), scale[0].numpy(), inner[0].numpy(), right.numpy()


def _jacobi_svd(
    log: NDArray[np.float64], rows: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Singular values of exp(log) · rows whose sizes are within reach, as logarithms, and the vectors."""
    from scipy.linalg.lapack import dgejsv

    matrix = np.exp(log - log[0])[:, None] * rows
    # joba = 2: rows and columns may differ in size by any factor; jobr = 0: no value is too small to be found.
    values, left, right, work, _, info = dgejsv(matrix, joba=2, jobu=0, jobv=0, jobr=0)
    if info:
        raise np.linalg.LinAlgError(f"dgejsv: {info}")
    with np.errstate(divide="ignore"):
        return np.log(values * (work[0] / work[1])) + log[0], left, right


def products_back(
    moment: Moment, layer: int, lags: Sequence[int]
) -> Iterator[tuple[int, NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]]:
    """The Jacobians d s_a / d s_{a - lag} of a layer, a: the step of each sample's answer, at some lags from 1 on.

    Args:
        lags: increasing.

    Yields:
        The lag; of all members and samples, one after the other (N = K · B): natural logarithms of the singular values,
        right and left singular vectors as columns, see `LongProduct.svd`. Where a sample has no step so far back, any.
    """
    step, answer = moment.layer_step(layer), moment.answer
    product = LongProduct(moment.network.flat.new_empty(answer.numel(), step.size, 0))
    at_once = max(1, ROOM // (answer.numel() * step.size**2))
    for begin in range(0, lags[-1], at_once):
        count = min(at_once, lags[-1] - begin)
        back = torch.arange(begin, begin + count, device=answer.device)
        x, before = moment.at(layer, answer[:, None] - back[:, None])
        factors = step.jacobian(x.flatten(1, 2), before.flatten(1, 2)).view(len(x), count, -1, step.size, step.size)
        for place in range(count):
            # From the answer back, the transposes are multiplied from the left.
            product.multiply(factors[:, place].flatten(0, 1).mT)
            if (lag := begin + place + 1) in lags:
                logs, right, left = product.svd()
                yield lag, logs, right, left
