from __future__ import annotations

from typing import TYPE_CHECKING

from harness.cells.base import Parameter, State, Weights
from harness.cells.functions import sigmoid, tanh
from harness.cells.gating import Gated, biases, keeping_bias

if TYPE_CHECKING:
    from torch import Tensor


class BRC(Gated):
    """Bistable recurrent cell: a unit can latch one of two values for ever, and sees no other unit.

        a   = 1 + tanh(x_t · W_xa + w_ha * h_{t-1} + b_a)      up to 1 the unit forgets, above 1 it latches
        c   = sigmoid(x_t · W_xc + w_hc * h_{t-1} + b_c)
        h_t = c * h_{t-1} + (1 - c) * tanh(x_t · W_xn + a * h_{t-1} + b_n)

    Source: Vecoven, Ernst, Drion, "A bio-inspired bistable recurrent cell allows for long-lasting memory", PLOS ONE
    16(6), 2021, section "Cellular memory". The paper has no biases; in the authors' code a and c have them, and in
    torchrecurrent the candidate, too.
    """

    name = "brc"
    family = "gated"
    gate_roles = {"c": "update gate: keeps"}

    forget_bias: float = keeping_bias("update gate")

    def parameters(self, input_size: int, hidden_size: int) -> dict[str, Parameter]:
        return {
            "x_a": Parameter((input_size, hidden_size), "dense"),
            "x_c": Parameter((input_size, hidden_size), "dense"),
            "x_n": Parameter((input_size, hidden_size), "dense"),
            "h_a": Parameter((hidden_size,), "recurrent"),
            "h_c": Parameter((hidden_size,), "recurrent"),
            "b_a": Parameter((hidden_size,), "constant"),
            "b_c": biases(hidden_size, self.keeping(self.forget_bias)),
            "b_n": Parameter((hidden_size,), "constant"),
        }

    def gates(self, w: Weights, x: Tensor, s: State) -> dict[str, Tensor]:
        return {"c": sigmoid(x @ w.x_c + w.h_c * s.h + w.b_c)}

    def step(self, w: Weights, x: Tensor, s: State) -> dict[str, Tensor]:
        a = 1 + tanh(x @ w.x_a + w.h_a * s.h + w.b_a)
        n = tanh(x @ w.x_n + a * s.h + w.b_n)
        return {"h": n + self.gates(w, x, s)["c"] * (s.h - n)}
