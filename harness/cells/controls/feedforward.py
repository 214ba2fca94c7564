from __future__ import annotations

from typing import TYPE_CHECKING

from harness.cells.base import Cell, Parameter, State, Weights
from harness.cells.functions import tanh

if TYPE_CHECKING:
    from torch import Tensor


class Feedforward(Cell):
    """No memory at all: an ordinary network that sees each input alone. The baseline of every memory task.

    h_t = tanh(x_t · W_x + b)
    """

    name = "feedforward"
    family = "controls"
    colour = "#8a8d91"
    has_memory = False

    def parameters(self, input_size: int, hidden_size: int) -> dict[str, Parameter]:
        return {
            "input": Parameter((input_size, hidden_size), "dense"),
            "bias": Parameter((hidden_size,), "constant"),
        }

    def step(self, w: Weights, x: Tensor, s: State) -> dict[str, Tensor]:
        return {"h": tanh(x @ w.input + w.bias)}
