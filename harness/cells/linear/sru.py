from __future__ import annotations

from typing import TYPE_CHECKING

from harness.cells.base import Parameter, State, Weights
from harness.cells.functions import sigmoid
from harness.cells.gating import Gated, biases, keeping_bias

if TYPE_CHECKING:
    from torch import Tensor

HIGHWAY = 3**0.5
"""What the input is scaled by on its way past the state: √(1 + 2 e^b), with a bias b = 0 of the reset gate."""


class SRU(Gated):
    """Simple recurrent unit: no product with the state, which the gates see unit by unit; and a highway past it.

        f = sigmoid(x_t · W_f + v_f * c_{t-1} + b_f)
        r = sigmoid(x_t · W_r + v_r * c_{t-1} + b_r)
        c_t = f * c_{t-1} + (1 - f) * (x_t · W_c)
        h_t = r * c_t + (1 - r) * √3 * x'_t

    x' is x_t where there are as many inputs as units, else x_t · W_p. The diagonals v are what `init` and
    `weight_scale` act on.

    Source: Lei, Zhang, Wang, Dai, Artzi, "Simple recurrent units for highly parallelizable recurrence", EMNLP 2018,
    section 3, scaled as there for a reset bias of 0. W_p: the authors' implementation.
    """

    name = "sru"
    family = "linear"
    parts = ("h", "c")
    memory = "c"
    gate_roles = {"f": "forget gate: keeps", "r": "reset gate: tells"}

    forget_bias: float = keeping_bias("forget gate")

    def parameters(self, input_size: int, hidden_size: int) -> dict[str, Parameter]:
        dense = ["x_f", "x_r", "x_c", *(["x_p"] if input_size != hidden_size else [])]
        return {name: Parameter((input_size, hidden_size), "dense") for name in dense} | {
            "v_f": Parameter((hidden_size,), "recurrent"),
            "v_r": Parameter((hidden_size,), "recurrent"),
            "b_f": biases(hidden_size, self.keeping(self.forget_bias)),
            "b_r": Parameter((hidden_size,), "constant"),
        }

    def gates(self, w: Weights, x: Tensor, s: State) -> dict[str, Tensor]:
        return {
            "f": sigmoid(x @ w.x_f + w.v_f * s.c + w.b_f),
            "r": sigmoid(x @ w.x_r + w.v_r * s.c + w.b_r),
        }

    def step(self, w: Weights, x: Tensor, s: State) -> dict[str, Tensor]:
        f, r = self.gates(w, x, s).values()
        new = x @ w.x_c
        c = new + f * (s.c - new)
        past = HIGHWAY * (x @ w.x_p if "x_p" in w else x)
        return {"h": past + r * (c - past), "c": c}
