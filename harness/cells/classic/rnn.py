from __future__ import annotations

from typing import TYPE_CHECKING

from harness.cells.base import Cell, Parameter, State, Weights
from harness.cells.functions import tanh

if TYPE_CHECKING:
    from torch import Tensor


class RNN(Cell):
    """Simple recurrent network with tanh: the ordinary RNN that forgets.

        h_t = tanh(x_t · W_x + h_{t-1} · W_h + b)

    Source: Elman, "Finding structure in time", Cognitive Science 14, 1990; `torch.nn.RNN`.
    """

    name = "rnn"
    family = "classic"
    colour = "#d9480f"

    def parameters(self, input_size: int, hidden_size: int) -> dict[str, Parameter]:
        return {
            "input": Parameter((input_size, hidden_size), "dense"),
            "recurrent": Parameter((hidden_size, hidden_size), "recurrent"),
            "bias": Parameter((hidden_size,), "constant"),
        }

    def step(self, w: Weights, x: Tensor, s: State) -> dict[str, Tensor]:
        return {"h": tanh(x @ w.input + s.h @ w.recurrent + w.bias)}
