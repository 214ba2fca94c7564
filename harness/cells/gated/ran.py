from __future__ import annotations

from typing import TYPE_CHECKING

from harness.cells.base import Parameter, State, Weights
from harness.cells.functions import sigmoid, tanh
from harness.cells.gating import Gated, gates, keeping_bias

if TYPE_CHECKING:
    from torch import Tensor


class RAN(Gated):
    """Recurrent additive network: an LSTM whose cell state only adds up weighted inputs, without a tanh in between.

        i   = sigmoid(x_t · W_xi + h_{t-1} · W_hi + b_i)
        f   = sigmoid(x_t · W_xf + h_{t-1} · W_hf + b_f)
        c_t = i * (x_t · W_xc) + f * c_{t-1}
        h_t = tanh(c_t)

    Source: Lee, Levy, Zettlemoyer, "Recurrent additive networks", arXiv:1705.07393, 2017, section 2.
    """

    name = "ran"
    family = "gated"
    parts = ("h", "c")
    memory = "c"
    gate_roles = {"i": "input gate: writes", "f": "forget gate: keeps"}

    forget_bias: float = keeping_bias("forget gate")

    def parameters(self, input_size: int, hidden_size: int) -> dict[str, Parameter]:
        return gates(
            "i",
            "f",
            input_size=input_size,
            hidden_size=hidden_size,
            bias={"i": self.overwriting(0.0), "f": self.keeping(self.forget_bias)},
        ) | {
            "x_c": Parameter((input_size, hidden_size), "dense"),
        }

    def gates(self, w: Weights, x: Tensor, s: State) -> dict[str, Tensor]:
        return {
            "i": sigmoid(x @ w.x_i + s.h @ w.h_i + w.b_i),
            "f": sigmoid(x @ w.x_f + s.h @ w.h_f + w.b_f),
        }

    def step(self, w: Weights, x: Tensor, s: State) -> dict[str, Tensor]:
        i, f = self.gates(w, x, s).values()
        c = i * (x @ w.x_c) + f * s.c
        return {"h": tanh(c), "c": c}
