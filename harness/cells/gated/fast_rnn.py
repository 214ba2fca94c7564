from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import Field

from harness.base.options import INIT_ONLY
from harness.cells.base import Cell, Parameter, State, Weights
from harness.cells.functions import sigmoid, tanh
from harness.cells.gating import gates

if TYPE_CHECKING:
    from torch import Tensor


class FastRNN(Cell):
    """A plain RNN with a weighted residual connection: two learned numbers for all units, made for small devices.

        n   = tanh(x_t · W_x + h_{t-1} · W_h + b)
        h_t = sigmoid(alpha) * n + sigmoid(beta) * h_{t-1}

    Source: Kusupati, Singh, Bhatia, Kumar, Jain, Varma, "FastGRNN: a fast, accurate, stable and tiny kilobyte sized
    gated recurrent neural network", NeurIPS 2018, section 3.1. alpha starts at -3 and beta at 3 as in the authors'
    code; torchrecurrent starts them the other way round. There is no gate_init=chrono: one number cannot have lags of
    its own for every unit.
    """

    name = "fast_rnn"
    family = "gated"

    update_bias: float = Field(
        -3.0,
        json_schema_extra=INIT_ONLY,
        description="alpha at the start: how much of the new is added, before the sigmoid",
    )
    forget_bias: float = Field(
        3.0,
        json_schema_extra=INIT_ONLY,
        description="beta at the start: how much of the old is kept, before the sigmoid; larger remembers longer",
    )

    def parameters(self, input_size: int, hidden_size: int) -> dict[str, Parameter]:
        return gates("n", input_size=input_size, hidden_size=hidden_size) | {
            "alpha": Parameter((1,), "constant", (self.update_bias,)),
            "beta": Parameter((1,), "constant", (self.forget_bias,)),
        }

    def keeps(self, w: Weights, x: Tensor, s: State, hidden_size: int) -> Tensor | None:
        return sigmoid(w.beta)

    def step(self, w: Weights, x: Tensor, s: State) -> dict[str, Tensor]:
        n = tanh(x @ w.x_n + s.h @ w.h_n + w.b_n)
        return {"h": sigmoid(w.alpha) * n + sigmoid(w.beta) * s.h}
