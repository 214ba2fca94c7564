from __future__ import annotations

from typing import TYPE_CHECKING

from harness.cells.base import Parameter, State, Weights
from harness.cells.functions import sigmoid, tanh
from harness.cells.gating import Gated, gates, keeping_bias

if TYPE_CHECKING:
    from torch import Tensor


class MultiplicativeLSTM(Gated):
    """Multiplicative LSTM: each input has its own recurrent matrix, as a factored product.

        m       = (x_t · W_xm) * (h_{t-1} · W_hm)
        i, f, o = sigmoid(x_t · W_x + m · W_m + b)     each
        n       = tanh(x_t · W_xn + m · W_mn + b_n)
        c_t = f * c_{t-1} + i * n
        h_t = o * tanh(c_t)

    Source: Krause, Murray, Renals, Lu, "Multiplicative LSTM for sequence modelling", arXiv:1609.07959, 2016, section
    3. torchrecurrent adds biases to both factors of m.
    """

    name = "multiplicative_lstm"
    family = "gated"
    parts = ("h", "c")
    memory = "c"
    gate_roles = {"i": "input gate: writes", "f": "forget gate: keeps", "o": "output gate: tells"}

    forget_bias: float = keeping_bias("forget gate", 1.0)

    def parameters(self, input_size: int, hidden_size: int) -> dict[str, Parameter]:
        """``x_<gate>``, ``h_<gate>`` and ``b_<gate>``: those with ``h_`` are multiplied with m, ``h_m`` with h."""
        bias = {"i": self.overwriting(0.0), "f": self.keeping(self.forget_bias)}
        return {
            "x_m": Parameter((input_size, hidden_size), "dense"),
            "h_m": Parameter((hidden_size, hidden_size), "recurrent"),
            **gates("i", "f", "o", "n", input_size=input_size, hidden_size=hidden_size, bias=bias),
        }

    def gates(self, w: Weights, x: Tensor, s: State) -> dict[str, Tensor]:
        m = (x @ w.x_m) * (s.h @ w.h_m)
        return {gate: sigmoid(x @ w[f"x_{gate}"] + m @ w[f"h_{gate}"] + w[f"b_{gate}"]) for gate in "ifo"}

    def step(self, w: Weights, x: Tensor, s: State) -> dict[str, Tensor]:
        m = (x @ w.x_m) * (s.h @ w.h_m)
        i = sigmoid(x @ w.x_i + m @ w.h_i + w.b_i)
        f = sigmoid(x @ w.x_f + m @ w.h_f + w.b_f)
        o = sigmoid(x @ w.x_o + m @ w.h_o + w.b_o)
        n = tanh(x @ w.x_n + m @ w.h_n + w.b_n)
        c = f * s.c + i * n
        return {"h": o * tanh(c), "c": c}
