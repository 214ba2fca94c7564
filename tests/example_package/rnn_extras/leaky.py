"""A network whose units leak."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import Field

from harness.cells import Cell, Parameter, State, Weights
from harness.cells.functions import tanh

if TYPE_CHECKING:
    from torch import Tensor


class Leaky(Cell):
    """Leaky integrator: each step replaces a share of the state.

        h_t = (1 - a) * h_{t-1} + a * tanh(x_t · W_x + h_{t-1} · W_h + b)

    Source: Jaeger, Lukosevicius, Popovici, Siewert, "Optimization and applications of echo state networks with
    leaky-integrator neurons", Neural Networks 20(3), 2007.
    """

    name = "leaky"

    leak: float = Field(0.1, gt=0, le=1, description="share of the state that a step replaces; 1 is a plain RNN")

    def parameters(self, input_size: int, hidden_size: int) -> dict[str, Parameter]:
        return {
            "input": Parameter((input_size, hidden_size), "dense"),
            "recurrent": Parameter((hidden_size, hidden_size), "recurrent"),
            "bias": Parameter((hidden_size,), "constant"),
        }

    def step(self, w: Weights, x: Tensor, s: State) -> dict[str, Tensor]:
        return {"h": (1 - self.leak) * s.h + self.leak * tanh(x @ w.input + s.h @ w.recurrent + w.bias)}
