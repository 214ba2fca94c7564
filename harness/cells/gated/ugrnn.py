from __future__ import annotations

from typing import TYPE_CHECKING

from harness.cells.base import Parameter, State, Weights
from harness.cells.functions import sigmoid, tanh
from harness.cells.gating import Gated, gates, keeping_bias

if TYPE_CHECKING:
    from torch import Tensor


class UGRNN(Gated):
    """Update gate RNN: a plain RNN with one gate between the old state and the new, a GRU that never resets.

        g   = sigmoid(x_t · W_xg + h_{t-1} · W_hg + b_g)
        n   = tanh(x_t · W_xn + h_{t-1} · W_hn + b_n)
        h_t = g * h_{t-1} + (1 - g) * n

    Source: Collins, Sohl-Dickstein, Sussillo, "Capacity and trainability in recurrent neural networks", ICLR 2017,
    section 1.1; the forget bias of 1 is that of TensorFlow's ``UGRNNCell``, the paper tunes it.
    """

    name = "ugrnn"
    family = "gated"
    gate_roles = {"g": "update gate: keeps"}

    forget_bias: float = keeping_bias("update gate", 1.0)

    def parameters(self, input_size: int, hidden_size: int) -> dict[str, Parameter]:
        return gates(
            "g", "n", input_size=input_size, hidden_size=hidden_size, bias={"g": self.keeping(self.forget_bias)}
        )

    def gates(self, w: Weights, x: Tensor, s: State) -> dict[str, Tensor]:
        return {"g": sigmoid(x @ w.x_g + s.h @ w.h_g + w.b_g)}

    def step(self, w: Weights, x: Tensor, s: State) -> dict[str, Tensor]:
        n = tanh(x @ w.x_n + s.h @ w.h_n + w.b_n)
        return {"h": n + self.gates(w, x, s)["g"] * (s.h - n)}
