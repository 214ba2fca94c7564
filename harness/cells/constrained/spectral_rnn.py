from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from pydantic import Field

from harness.cells.base import Cell, Parameter, State, Weights
from harness.cells.functions import tanh

if TYPE_CHECKING:
    from torch import Tensor


class SpectralRNN(Cell):
    """RNN that learns the singular value decomposition of its recurrent matrix, with bounded singular values.

        W_h = U · diag(σ) · Vᵀ,   U and V products of Householder reflections I - 2 u uᵀ / |u|²
        σ   = 1 + 2 * margin * (sigmoid(p) - 1/2)
        h_t = tanh(x_t · W_x + h_{t-1} · W_h + b)

    Reflection i of U and of V leaves the first i - 1 units alone, as in a QR decomposition; H reflections each reach
    every matrix. `init` and `weight_scale` give p: how far singular values start from 1; they never leave
    1 ± margin.

    Source: Zhang, Lei, Dhillon, "Stabilizing gradients for deep neural networks via efficient SVD parameterization",
    ICML 2018, section 3.
    """

    name = "spectral_rnn"
    family = "constrained"

    margin: float = Field(0.1, ge=0, le=1, description="how far singular values may lie from 1")
    reflections: int = Field(16, ge=1, description="reflections that U and V are made of, each; at most H are used")

    def parameters(self, input_size: int, hidden_size: int) -> dict[str, Parameter]:
        shape = (min(self.reflections, hidden_size), hidden_size)
        return {
            "input": Parameter((input_size, hidden_size), "dense"),
            "recurrent": Parameter((hidden_size,), "recurrent"),
            "left": Parameter(shape, "drawn", draw=lambda rng: np.triu(rng.standard_normal(shape))),
            "right": Parameter(shape, "drawn", draw=lambda rng: np.triu(rng.standard_normal(shape))),
            "bias": Parameter((hidden_size,), "constant"),
        }

    def weights(self, p: Weights) -> dict[str, Tensor]:
        import torch

        spread = 1 + 2 * self.margin * (torch.sigmoid(p.recurrent) - 0.5)
        turned = _reflected(torch.diag_embed(spread), p.right)
        return {
            "input": p.input,
            "recurrent": _reflected(turned.mT, p.left).mT,
            "bias": p.bias,
        }

    def step(self, w: Weights, x: Tensor, s: State) -> dict[str, Tensor]:
        return {"h": tanh(x @ w.input + s.h @ w.recurrent + w.bias)}


def _reflected(rows: Tensor, vectors: Tensor) -> Tensor:
    """Rows (K, H, H) times (R_1 · … · R_m)ᵀ, with R_i the reflection at the vector i of (K, m, H)."""
    for vector in reversed(vectors.triu().unbind(1)):
        length = vector.square().sum(-1, keepdim=True)
        along = (rows * vector[:, None]).sum(-1, keepdim=True)
        rows = rows - along * (2 * vector / length)[:, None]
    return rows
