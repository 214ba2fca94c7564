from __future__ import annotations

from typing import TYPE_CHECKING

from harness.cells.base import Parameter, State, Weights
from harness.cells.functions import sigmoid, tanh
from harness.cells.gating import Gated, gates, overwriting_bias

if TYPE_CHECKING:
    from torch import Tensor


class LightRU(Gated):
    """Light recurrent unit: a gated mean of past inputs, since its candidate sees the input alone.

        f   = sigmoid(x_t · W_xf + h_{t-1} · W_hf + b_f)
        n   = tanh(x_t · W_xn + b_n)
        h_t = (1 - f) * h_{t-1} + f * n

    Source: Ye, Zhang, Liu, Li, Chang, Zheng, "Light recurrent unit: towards an interpretable recurrent neural network
    for modeling long-range dependency", Electronics 13(16), 2024. The paper calls f the forget gate, although 1
    overwrites.
    """

    name = "light_ru"
    family = "gated"
    gate_roles = {"f": "forget gate: overwrites"}

    update_bias: float = overwriting_bias("forget gate")

    def parameters(self, input_size: int, hidden_size: int) -> dict[str, Parameter]:
        return gates(
            "f", input_size=input_size, hidden_size=hidden_size, bias={"f": self.overwriting(self.update_bias)}
        ) | {
            "x_n": Parameter((input_size, hidden_size), "dense"),
            "b_n": Parameter((hidden_size,), "constant"),
        }

    def gates(self, w: Weights, x: Tensor, s: State) -> dict[str, Tensor]:
        return {"f": sigmoid(x @ w.x_f + s.h @ w.h_f + w.b_f)}

    def step(self, w: Weights, x: Tensor, s: State) -> dict[str, Tensor]:
        n = tanh(x @ w.x_n + w.b_n)
        return {"h": s.h + self.gates(w, x, s)["f"] * (n - s.h)}
