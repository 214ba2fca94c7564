from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import Field

from harness.cells.base import Parameter, State, Weights
from harness.cells.functions import join, sigmoid, tanh
from harness.cells.gating import Gated, gates, overwriting_bias

if TYPE_CHECKING:
    from torch import Tensor


class TauGRU(Gated):
    """GRU with delayed feedback: a state from some steps before is fed back besides the last, by a gate of its own.

        u   = tanh(x_t · W_xu + h_{t-1} · W_hu + b_u)
        n   = tanh(x_t · W_xn + h_{t-1-delay} · W_hn + b_n)
        g   = sigmoid(x_t · W_xg + h_{t-1} · W_hg + b_g)
        a   = sigmoid(x_t · W_xa + h_{t-1} · W_ha + b_a)
        h_t = (1 - g) * h_{t-1} + g * (u + a * n)

    ``past`` holds the states before h, the latest first; those before the sequence are 0.

    Source: Erichson, Lim, Mahoney, "Gated recurrent neural networks with weighted time-delay feedback",
    arXiv:2212.00228, 2022; theirs are z for n and n + 1 for our t.
    """

    name = "tau_gru"
    family = "gated"
    parts = ("h", "past")
    gate_roles = {"g": "update gate: overwrites", "a": "delay gate: uses the delayed state"}

    delay: int = Field(10, ge=1, description="how many steps before the last state the delayed one is")
    update_bias: float = overwriting_bias("update gate")

    def parameters(self, input_size: int, hidden_size: int) -> dict[str, Parameter]:
        bias = {"g": self.overwriting(self.update_bias)}
        return gates("u", "n", "g", "a", input_size=input_size, hidden_size=hidden_size, bias=bias)

    def widths(self, hidden_size: int) -> dict[str, int]:
        return {"h": hidden_size, "past": self.delay * hidden_size}

    def gates(self, w: Weights, x: Tensor, s: State) -> dict[str, Tensor]:
        return {
            "g": sigmoid(x @ w.x_g + s.h @ w.h_g + w.b_g),
            "a": sigmoid(x @ w.x_a + s.h @ w.h_a + w.b_a),
        }

    def step(self, w: Weights, x: Tensor, s: State) -> dict[str, Tensor]:
        g, a = self.gates(w, x, s).values()
        *kept, delayed = s.past.chunk(self.delay, dim=-1)
        u = tanh(x @ w.x_u + s.h @ w.h_u + w.b_u)
        n = tanh(x @ w.x_n + delayed @ w.h_n + w.b_n)
        return {"h": s.h + g * (u + a * n - s.h), "past": join(s.h, *kept)}
