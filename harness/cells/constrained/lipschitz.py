from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import Field

from harness.cells.base import Cell, Parameter, State, Weights
from harness.cells.functions import tanh

if TYPE_CHECKING:
    from torch import Tensor


class Lipschitz(Cell):
    """Lipschitz RNN: a differential equation of a linear part and a bounded one, both near the edge of stability.

        A, W = (1 - β) * (M + Mᵀ) + β * (M - Mᵀ) - γ * I,   each from an M of its own
        h_t  = h_{t-1} + ε * (h_{t-1} · A + tanh(x_t · W_x + h_{t-1} · W + b))

    β moves the matrices from symmetric (0) to skew-symmetric (1), where they turn the state and neither stretch nor
    shrink it; γ damps.

    Source: Erichson, Azencot, Queiruga, Hodgkinson, Mahoney, "Lipschitz recurrent neural networks", ICLR 2021,
    with Euler's method; one β and one γ for both matrices, and defaults, as in the authors' code.
    Difference: M starts from `init` and `weight_scale`; the paper draws it smaller, with a deviation of about 0.1 / H.
    """

    name = "lipschitz"
    family = "constrained"

    beta: float = Field(0.75, ge=0, le=1, description="skew-symmetric share of the matrices")
    gamma: float = Field(0.001, ge=0, description="what is subtracted from their diagonals")
    step_size: float = Field(0.03, gt=0, le=1, description="ε: length of a step in time")

    def parameters(self, input_size: int, hidden_size: int) -> dict[str, Parameter]:
        return {
            "input": Parameter((input_size, hidden_size), "dense"),
            "linear": Parameter((hidden_size, hidden_size), "recurrent"),
            "recurrent": Parameter((hidden_size, hidden_size), "recurrent"),
            "bias": Parameter((hidden_size,), "constant"),
        }

    def weights(self, p: Weights) -> dict[str, Tensor]:
        return {**p, "linear": self._stable(p.linear), "recurrent": self._stable(p.recurrent)}

    def _stable(self, free: Tensor) -> Tensor:
        import torch

        one = torch.eye(free.shape[-1], dtype=free.dtype, device=free.device)
        return (1 - self.beta) * (free + free.mT) + self.beta * (free - free.mT) - self.gamma * one

    def step(self, w: Weights, x: Tensor, s: State) -> dict[str, Tensor]:
        drive = tanh(x @ w.input + s.h @ w.recurrent + w.bias)
        return {"h": s.h + self.step_size * (s.h @ w.linear + drive)}
