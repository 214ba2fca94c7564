from __future__ import annotations

from typing import TYPE_CHECKING

from harness.cells.base import Parameter, State, Weights
from harness.cells.functions import relu, sigmoid, tanh
from harness.cells.gating import Gated, gates, keeping_bias

if TYPE_CHECKING:
    from torch import Tensor


class Intersection(Gated):
    """Intersection RNN (+RNN): one gate keeps the state over time, another passes the input on to the layer above.

        a   = sigmoid(x_t · W_xa + h_{t-1} · W_ha + b_a)
        d   = sigmoid(x_t · W_xd + h_{t-1} · W_hd + b_d)
        h_t = a * h_{t-1} + (1 - a) * tanh(x_t · W_xn + h_{t-1} · W_hn + b_n)
        y_t = d * x_t + (1 - d) * relu(x_t · W_xy + h_{t-1} · W_hy + b_y)

    The layer above and the readout see y. Where inputs are not as wide as the state, x_t · P + b_p takes their place.
    y_t reads the state before: an error at y_t reaches h from the step before on.

    Source: Collins, Sohl-Dickstein, Sussillo, "Capacity and trainability in recurrent neural networks", ICLR 2017,
    section 1.1; a and d are its g^h and g^y. Both biases start at 1 and inputs are projected as in TensorFlow's
    ``IntersectionRNNCell``; the paper tunes the biases. gate_init=chrono draws that of a alone.
    """

    name = "intersection"
    family = "gated"
    parts = ("h", "y")
    gate_roles = {"a": "recurrent gate: keeps", "d": "depth gate: passes the input on"}

    forget_bias: float = keeping_bias("recurrent and the depth gate", 1.0)

    def parameters(self, input_size: int, hidden_size: int) -> dict[str, Parameter]:
        bias = {"a": self.keeping(self.forget_bias), "d": self.forget_bias}
        found = gates("a", "d", "n", "y", input_size=hidden_size, hidden_size=hidden_size, bias=bias)
        if input_size != hidden_size:
            found["project"] = Parameter((input_size, hidden_size), "dense")
            found["b_project"] = Parameter((hidden_size,), "constant")
        return found

    def gates(self, w: Weights, x: Tensor, s: State) -> dict[str, Tensor]:
        x = self._as_wide_as_the_state(w, x)
        return {
            "a": sigmoid(x @ w.x_a + s.h @ w.h_a + w.b_a),
            "d": sigmoid(x @ w.x_d + s.h @ w.h_d + w.b_d),
        }

    def step(self, w: Weights, x: Tensor, s: State) -> dict[str, Tensor]:
        a, d = self.gates(w, x, s).values()
        x = self._as_wide_as_the_state(w, x)
        n = tanh(x @ w.x_n + s.h @ w.h_n + w.b_n)
        y = relu(x @ w.x_y + s.h @ w.h_y + w.b_y)
        return {"h": n + a * (s.h - n), "y": y + d * (x - y)}

    def output(self, w: Weights, x: Tensor, s: State) -> Tensor:
        return s["y"]

    def _as_wide_as_the_state(self, w: Weights, x: Tensor) -> Tensor:
        return x @ w.project + w.b_project if "project" in w else x
