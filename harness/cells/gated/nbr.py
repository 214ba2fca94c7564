from __future__ import annotations

from typing import TYPE_CHECKING

from harness.cells.base import Parameter, State, Weights
from harness.cells.functions import sigmoid, tanh
from harness.cells.gating import Gated, gates, keeping_bias

if TYPE_CHECKING:
    from torch import Tensor


class NBR(Gated):
    """Neuromodulated bistable recurrent cell (nBRC): a bistable cell whose gates see all units.

        a   = 1 + tanh(x_t · W_xa + h_{t-1} · W_ha + b_a)      up to 1 the unit forgets, above 1 it latches
        c   = sigmoid(x_t · W_xc + h_{t-1} · W_hc + b_c)
        h_t = c * h_{t-1} + (1 - c) * tanh(x_t · W_xn + a * h_{t-1} + b_n)

    Source: Vecoven, Ernst, Drion, "A bio-inspired bistable recurrent cell allows for long-lasting memory", PLOS ONE
    16(6), 2021, section "Neuromodulation". The paper has no biases; in the authors' code a and c have them, and in
    torchrecurrent the candidate, too.
    """

    name = "nbr"
    family = "gated"
    gate_roles = {"c": "update gate: keeps"}

    forget_bias: float = keeping_bias("update gate")

    def parameters(self, input_size: int, hidden_size: int) -> dict[str, Parameter]:
        return gates(
            "a", "c", input_size=input_size, hidden_size=hidden_size, bias={"c": self.keeping(self.forget_bias)}
        ) | {
            "x_n": Parameter((input_size, hidden_size), "dense"),
            "b_n": Parameter((hidden_size,), "constant"),
        }

    def gates(self, w: Weights, x: Tensor, s: State) -> dict[str, Tensor]:
        return {"c": sigmoid(x @ w.x_c + s.h @ w.h_c + w.b_c)}

    def step(self, w: Weights, x: Tensor, s: State) -> dict[str, Tensor]:
        a = 1 + tanh(x @ w.x_a + s.h @ w.h_a + w.b_a)
        n = tanh(x @ w.x_n + a * s.h + w.b_n)
        return {"h": n + self.gates(w, x, s)["c"] * (s.h - n)}
