from __future__ import annotations

from typing import TYPE_CHECKING

from harness.cells.base import Parameter, State, Weights
from harness.cells.functions import sigmoid, tanh
from harness.cells.gating import Gated, gates, overwriting_bias

if TYPE_CHECKING:
    from torch import Tensor


class MGU(Gated):
    """Minimal gated unit: a GRU whose one gate both resets and updates.

        f   = sigmoid(x_t · W_xf + h_{t-1} · W_hf + b_f)
        n   = tanh(x_t · W_xn + (f * h_{t-1}) · W_hn + b_n)
        h_t = (1 - f) * h_{t-1} + f * n

    Source: Zhou, Wu, Zhang, Zhou, "Minimal gated unit for recurrent neural networks", International Journal of
    Automation and Computing 13(3), 2016. The paper calls f the forget gate, although 1 overwrites.
    """

    name = "mgu"
    family = "gated"
    gate_roles = {"f": "forget gate: overwrites"}

    update_bias: float = overwriting_bias("forget gate")

    def parameters(self, input_size: int, hidden_size: int) -> dict[str, Parameter]:
        return gates(
            "f", "n", input_size=input_size, hidden_size=hidden_size, bias={"f": self.overwriting(self.update_bias)}
        )

    def gates(self, w: Weights, x: Tensor, s: State) -> dict[str, Tensor]:
        return {"f": sigmoid(x @ w.x_f + s.h @ w.h_f + w.b_f)}

    def step(self, w: Weights, x: Tensor, s: State) -> dict[str, Tensor]:
        f = self.gates(w, x, s)["f"]
        n = tanh(x @ w.x_n + (f * s.h) @ w.h_n + w.b_n)
        return {"h": s.h + f * (n - s.h)}
