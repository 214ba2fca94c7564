"""A network whose units are damped."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import Field

from harness.cells import Cell, Parameter, State, Weights
from harness.cells.functions import tanh

if TYPE_CHECKING:
    from torch import Tensor


class Damped(Cell):
    """A plain RNN that loses a share of its state at every step, and the same share of its gradient on the way back.

    h_t = (1 - d) * tanh(x_t · W_x + h_{t-1} · W_h + b)
    """

    name = "damped"

    damping: float = Field(0.1, ge=0, lt=1, description="share of the state that a step loses; 0 is a plain RNN")

    def parameters(self, input_size: int, hidden_size: int) -> dict[str, Parameter]:
        return {
            "input": Parameter((input_size, hidden_size), "dense"),
            "recurrent": Parameter((hidden_size, hidden_size), "recurrent"),
            "bias": Parameter((hidden_size,), "constant"),
        }

    def step(self, w: Weights, x: Tensor, s: State) -> dict[str, Tensor]:
        return {"h": (1 - self.damping) * tanh(x @ w.input + s.h @ w.recurrent + w.bias)}
