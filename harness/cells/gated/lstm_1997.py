from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import Field

from harness.base.options import INIT_ONLY
from harness.cells.base import Cell, Parameter, State, Weights
from harness.cells.functions import sigmoid, tanh
from harness.cells.gating import gates

if TYPE_CHECKING:
    from torch import Tensor


class LSTM1997(Cell):
    """LSTM as first published, without a forget gate: what is once written stays, and can but be written over.

        i   = sigmoid(x_t · W_xi + h_{t-1} · W_hi + b_i)
        o   = sigmoid(x_t · W_xo + h_{t-1} · W_ho + b_o)
        g   = 2 * tanh((x_t · W_xg + h_{t-1} · W_hg + b_g) / 2)
        c_t = c_{t-1} + i * g
        h_t = o * tanh(c_t / 2)

    Source: Hochreiter, Schmidhuber, "Long short-term memory", Neural Computation 9(8), 1997, appendix A.1, where g
    and h are scaled sigmoids, 4 sigmoid(x) - 2 and 2 sigmoid(x) - 1. One cell per block, inputs to gates
    and cells from all cells' outputs, no other hidden units; the gradient is the whole one, which is not cut at the
    gates. torchrecurrent squashes by tanh, which is the same with W_xg, W_hg and b_g halved. There is no
    gate_init=chrono: no gate forgets.
    """

    name = "lstm_1997"
    family = "gated"
    parts = ("h", "c")
    memory = "c"
    gate_roles = {"i": "input gate: writes", "o": "output gate: tells"}

    input_bias: float = Field(
        0.0,
        json_schema_extra=INIT_ONLY,
        description="bias at which the input gate starts; smaller protects what is stored, -3 in the paper's adding",
    )

    def parameters(self, input_size: int, hidden_size: int) -> dict[str, Parameter]:
        return gates("i", "g", "o", input_size=input_size, hidden_size=hidden_size, bias={"i": self.input_bias})

    def gates(self, w: Weights, x: Tensor, s: State) -> dict[str, Tensor]:
        return {
            "i": sigmoid(x @ w.x_i + s.h @ w.h_i + w.b_i),
            "o": sigmoid(x @ w.x_o + s.h @ w.h_o + w.b_o),
        }

    def keeps(self, w: Weights, x: Tensor, s: State, hidden_size: int) -> Tensor | None:
        return x.new_full((len(x), 1, 1), 1.0)

    def step(self, w: Weights, x: Tensor, s: State) -> dict[str, Tensor]:
        i, o = self.gates(w, x, s).values()
        c = s.c + i * 2 * tanh((x @ w.x_g + s.h @ w.h_g + w.b_g) / 2)
        return {"h": o * tanh(c / 2), "c": c}
