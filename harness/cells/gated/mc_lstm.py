from __future__ import annotations

from typing import TYPE_CHECKING

from harness.cells.base import Parameter, State, Weights
from harness.cells.functions import sigmoid, tanh
from harness.cells.gating import Gated, gates, keeping_bias

if TYPE_CHECKING:
    from torch import Tensor


class MCLSTM(Gated):
    """Memory-controller LSTM: gates are steered by a vector of their own, apart from what the cell tells.

        i, f, o, m = sigmoid(x_t · W_x + v_{t-1} · W_h + b)     each with weights of its own
        g          = tanh(x_t · W_xg + v_{t-1} · W_hg + b_g)
        c_t = f * c_{t-1} + i * g
        h_t = o * tanh(c_t)
        v_t = m * tanh(c_t)

    Source: "Sequence modeling using a memory controller extension for LSTM", NIPS 2017 Time Series Workshop. Not the
    mass-conserving LSTM of Hoedt et al., ICML 2021, which is called MC-LSTM as well.
    """

    name = "mc_lstm"
    family = "gated"
    parts = ("h", "c", "v")
    memory = "c"
    gate_roles = {
        "i": "input gate: writes",
        "f": "forget gate: keeps",
        "o": "output gate: tells",
        "m": "control gate: steers the gates",
    }

    forget_bias: float = keeping_bias("forget gate", 1.0)

    def parameters(self, input_size: int, hidden_size: int) -> dict[str, Parameter]:
        bias = {"i": self.overwriting(0.0), "f": self.keeping(self.forget_bias)}
        return gates("i", "f", "o", "m", "g", input_size=input_size, hidden_size=hidden_size, bias=bias)

    def gates(self, w: Weights, x: Tensor, s: State) -> dict[str, Tensor]:
        return {
            "i": sigmoid(x @ w.x_i + s.v @ w.h_i + w.b_i),
            "f": sigmoid(x @ w.x_f + s.v @ w.h_f + w.b_f),
            "o": sigmoid(x @ w.x_o + s.v @ w.h_o + w.b_o),
            "m": sigmoid(x @ w.x_m + s.v @ w.h_m + w.b_m),
        }

    def step(self, w: Weights, x: Tensor, s: State) -> dict[str, Tensor]:
        i, f, o, m = self.gates(w, x, s).values()
        c = f * s.c + i * tanh(x @ w.x_g + s.v @ w.h_g + w.b_g)
        told = tanh(c)
        return {"h": o * told, "c": c, "v": m * told}
