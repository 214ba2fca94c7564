from __future__ import annotations

from typing import TYPE_CHECKING

from harness.cells.base import Parameter, State, Weights
from harness.cells.functions import sigmoid, tanh
from harness.cells.gating import Gated, gates, overwriting_bias

if TYPE_CHECKING:
    from torch import Tensor


class STAR(Gated):
    """Stackable recurrent cell: one gate, and a tanh around the state, so that gradients pass many layers evenly.

        k   = sigmoid(x_t · W_xk + h_{t-1} · W_hk + b_k)
        z   = tanh(x_t · W_xz + b_z)
        h_t = tanh((1 - k) * h_{t-1} + k * z)

    Source: Turkoglu, D'Aronco, Wegner, Schindler, "Gating revisited: deep multi-layer RNNs that can be trained", IEEE
    Transactions on Pattern Analysis and Machine Intelligence 44(8), 2022 (arXiv:1911.11033), section 4.
    """

    name = "star"
    family = "gated"
    gate_roles = {"k": "update gate: overwrites"}

    update_bias: float = overwriting_bias("update gate")

    def parameters(self, input_size: int, hidden_size: int) -> dict[str, Parameter]:
        return gates(
            "k", input_size=input_size, hidden_size=hidden_size, bias={"k": self.overwriting(self.update_bias)}
        ) | {
            "x_z": Parameter((input_size, hidden_size), "dense"),
            "b_z": Parameter((hidden_size,), "constant"),
        }

    def gates(self, w: Weights, x: Tensor, s: State) -> dict[str, Tensor]:
        return {"k": sigmoid(x @ w.x_k + s.h @ w.h_k + w.b_k)}

    def step(self, w: Weights, x: Tensor, s: State) -> dict[str, Tensor]:
        z = tanh(x @ w.x_z + w.b_z)
        return {"h": tanh(s.h + self.gates(w, x, s)["k"] * (z - s.h))}
