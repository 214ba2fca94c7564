from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import Field

from harness.cells.base import Cell, Parameter, State, Weights
from harness.cells.functions import tanh
from harness.cells.gating import gates

if TYPE_CHECKING:
    from torch import Tensor


class Antisymmetric(Cell):
    """Antisymmetric RNN: small steps along a flow that neither grows nor shrinks, but for a little damping.

        A   = W_h - W_hᵀ - damping * I
        h_t = h_{t-1} + step_size * tanh(x_t · W_x + h_{t-1} · A + b)

    Source: Chang, Chen, Haber, Chi, "AntisymmetricRNN: a dynamical system view on recurrent neural networks", ICLR
    2019, the form with diffusion; step_size and damping are its epsilon and gamma, which it tunes.
    """

    name = "antisymmetric"
    family = "constrained"

    step_size: float = Field(0.1, gt=0, description="how far a step goes")
    damping: float = Field(0.01, ge=0, description="what is taken off the diagonal of the recurrent matrix")

    def parameters(self, input_size: int, hidden_size: int) -> dict[str, Parameter]:
        return gates("n", input_size=input_size, hidden_size=hidden_size)

    def weights(self, p: Weights) -> dict[str, Tensor]:
        return {**p, "h_n": antisymmetric(p.h_n, self.damping)}

    def step(self, w: Weights, x: Tensor, s: State) -> dict[str, Tensor]:
        return {"h": s.h + self.step_size * tanh(x @ w.x_n + s.h @ w.h_n + w.b_n)}


def antisymmetric(matrix: Tensor, damping: float) -> Tensor:
    """Matrices (K, H, H) less their transposes, less the damping on the diagonal."""
    import torch

    return matrix - matrix.mT - damping * torch.eye(matrix.shape[-1], dtype=matrix.dtype, device=matrix.device)
