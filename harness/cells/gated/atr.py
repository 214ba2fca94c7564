from __future__ import annotations

from typing import TYPE_CHECKING

from harness.cells.base import Parameter, State, Weights
from harness.cells.functions import sigmoid
from harness.cells.gating import Gated, biases, keeping_bias

if TYPE_CHECKING:
    from torch import Tensor


class ATR(Gated):
    """Addition-subtraction twin-gated network: both gates come from the same two products, one adds and one subtracts.

        p   = x_t · W_x + b_p
        q   = h_{t-1} · W_h + b_q
        i   = sigmoid(p + q)
        f   = sigmoid(p - q)
        h_t = i * p + f * h_{t-1}

    Source: Zhang, Xiong, Su, Lin, Zhang, "Simplifying neural machine translation with addition-subtraction twin-gated
    recurrent networks", EMNLP 2018, section 3.
    """

    name = "atr"
    family = "gated"
    gate_roles = {"i": "input gate: writes", "f": "forget gate: keeps"}

    forget_bias: float = keeping_bias("forget gate, the input gate has its negative")

    def parameters(self, input_size: int, hidden_size: int) -> dict[str, Parameter]:
        return {
            "input": Parameter((input_size, hidden_size), "dense"),
            "recurrent": Parameter((hidden_size, hidden_size), "recurrent"),
            "b_p": Parameter((hidden_size,), "constant"),
            "b_q": biases(hidden_size, self.overwriting(-self.forget_bias)),
        }

    def gates(self, w: Weights, x: Tensor, s: State) -> dict[str, Tensor]:
        p, q = self._read(w, x, s)
        return {"i": sigmoid(p + q), "f": sigmoid(p - q)}

    def step(self, w: Weights, x: Tensor, s: State) -> dict[str, Tensor]:
        p, q = self._read(w, x, s)
        return {"h": sigmoid(p + q) * p + sigmoid(p - q) * s.h}

    def _read(self, w: Weights, x: Tensor, s: State) -> tuple[Tensor, Tensor]:
        return x @ w.input + w.b_p, s.h @ w.recurrent + w.b_q
