from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import Field

from harness.cells.base import Cell, Parameter, State, Weights
from harness.cells.functions import mod_relu

if TYPE_CHECKING:
    from torch import Tensor


class CayleyRNN(Cell):
    """scoRNN: an RNN whose recurrent matrix is orthogonal, by a scaled Cayley transform.

        A   = L - Lᵀ,   L the part of the parameter below its diagonal
        W_h = (I + A)⁻¹ · (I - A) · D,   D a diagonal of -1 and 1
        h_t = modrelu(x_t · W_x + h_{t-1} · W_h, b),   modrelu(z, b) = sign(z) * max(0, |z| + b)

    D stays as it is; without it no matrix with the eigenvalue -1 could be reached. `weight_scale` scales A: how far a
    step turns the state, not how much it stretches it.

    Source: Helfrich, Willmott, Ye, "Orthogonal recurrent neural networks with scaled Cayley transform", ICML 2018,
    section 3. Difference: the parameter starts from `init`, where the paper draws planes of rotation.
    """

    name = "cayley_rnn"
    family = "constrained"

    negative: float = Field(0.5, ge=0, le=1, description="share of the diagonal D that is -1")

    def parameters(self, input_size: int, hidden_size: int) -> dict[str, Parameter]:
        return {
            "input": Parameter((input_size, hidden_size), "dense"),
            "recurrent": Parameter((hidden_size, hidden_size), "recurrent"),
            "bias": Parameter((hidden_size,), "constant"),
        }

    def weights(self, p: Weights) -> dict[str, Tensor]:
        import torch

        lower = p.recurrent.tril(-1)
        skew, size = lower - lower.mT, lower.shape[-1]
        one = torch.eye(size, dtype=lower.dtype, device=lower.device)
        signs = lower.new_ones(size)
        signs[: round(self.negative * size)] = -1
        return {**p, "recurrent": torch.linalg.solve(one + skew, one - skew) * signs}

    def step(self, w: Weights, x: Tensor, s: State) -> dict[str, Tensor]:
        return {"h": mod_relu(x @ w.input + s.h @ w.recurrent, w.bias)}
