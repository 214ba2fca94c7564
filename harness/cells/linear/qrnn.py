from __future__ import annotations

from typing import TYPE_CHECKING

from harness.cells.base import Parameter, State, Weights
from harness.cells.functions import sigmoid, tanh
from harness.cells.gating import Gated, biases, keeping_bias

if TYPE_CHECKING:
    from torch import Tensor


class QRNN(Gated):
    """Quasi-recurrent network: gates and candidate see this input and the last, as a convolution; the rest is pooling.

        z = tanh(x_{t-1} · W_1z + x_t · W_2z + b_z)
        f, o = sigmoid(x_{t-1} · W_1 + x_t · W_2 + b)       one block each
        c_t = f * c_{t-1} + (1 - f) * z
        h_t = o * c_t

    What the last input gives, x_{t-1} · W_1, is a part of the state, ``u``. There are no recurrent weights, so `init`
    and `weight_scale` have nothing to act on.

    Source: Bradbury, Merity, Xiong, Socher, "Quasi-recurrent neural networks", ICLR 2017, section 2, with a filter
    width of 2 and fo-pooling; biases are not in its equations.
    """

    name = "qrnn"
    family = "linear"
    parts = ("h", "c", "u")
    memory = "c"
    gate_roles = {"f": "forget gate: keeps", "o": "output gate: tells"}

    forget_bias: float = keeping_bias("forget gate")

    def widths(self, hidden_size: int) -> dict[str, int]:
        return {"h": hidden_size, "c": hidden_size, "u": 3 * hidden_size}

    def parameters(self, input_size: int, hidden_size: int) -> dict[str, Parameter]:
        """Blocks z, f, o side by side."""
        return {
            "last": Parameter((input_size, 3 * hidden_size), "dense"),
            "input": Parameter((input_size, 3 * hidden_size), "dense"),
            "bias": biases(hidden_size, 0.0, self.keeping(self.forget_bias), 0.0),
        }

    def gates(self, w: Weights, x: Tensor, s: State) -> dict[str, Tensor]:
        _, f, o = (s.u + x @ w.input + w.bias).chunk(3, dim=-1)
        return {"f": sigmoid(f), "o": sigmoid(o)}

    def step(self, w: Weights, x: Tensor, s: State) -> dict[str, Tensor]:
        z, f, o = (s.u + x @ w.input + w.bias).chunk(3, dim=-1)
        z = tanh(z)
        c = z + sigmoid(f) * (s.c - z)
        return {"h": sigmoid(o) * c, "c": c, "u": x @ w.last}
