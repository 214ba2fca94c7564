from __future__ import annotations

from typing import TYPE_CHECKING

from harness.cells.base import Parameter, State, Weights
from harness.cells.functions import sigmoid, tanh
from harness.cells.gating import Gated, gates, keeping_bias

if TYPE_CHECKING:
    from torch import Tensor


class WorkingMemoryLSTM(Gated):
    """LSTM with working memory connections: the gates see what the cell state holds, squashed.

        i   = sigmoid(x_t · W_xi + h_{t-1} · W_hi + tanh(c_{t-1} · W_ci) + b_i)
        f   = sigmoid(x_t · W_xf + h_{t-1} · W_hf + tanh(c_{t-1} · W_cf) + b_f)
        c_t = f * c_{t-1} + i * tanh(x_t · W_xn + h_{t-1} · W_hn + b_n)
        o   = sigmoid(x_t · W_xo + h_{t-1} · W_ho + tanh(c_t · W_co) + b_o)
        h_t = o * tanh(c_t)

    Source: Landi, Baraldi, Cornia, Cucchiara, "Working memory connections for LSTM", Neural Networks 144, 2021,
    section 3. torchrecurrent has biases within the three tanh as well.
    """

    name = "wmc_lstm"
    family = "gated"
    parts = ("h", "c")
    memory = "c"
    gate_roles = {"i": "input gate: writes", "f": "forget gate: keeps", "o": "output gate: tells"}

    forget_bias: float = keeping_bias("forget gate", 1.0)

    def parameters(self, input_size: int, hidden_size: int) -> dict[str, Parameter]:
        """Besides the usual: ``c_<gate>``, which multiplies the cell state."""
        bias = {"i": self.overwriting(0.0), "f": self.keeping(self.forget_bias)}
        return {
            **gates("i", "f", "n", "o", input_size=input_size, hidden_size=hidden_size, bias=bias),
            **{f"c_{gate}": Parameter((hidden_size, hidden_size), "recurrent") for gate in "ifo"},
        }

    def gates(self, w: Weights, x: Tensor, s: State) -> dict[str, Tensor]:
        i, f, _, o = self._read(w, x, s)
        return {"i": i, "f": f, "o": o}

    def step(self, w: Weights, x: Tensor, s: State) -> dict[str, Tensor]:
        _, _, c, o = self._read(w, x, s)
        return {"h": o * tanh(c), "c": c}

    def _read(self, w: Weights, x: Tensor, s: State) -> tuple[Tensor, ...]:
        """The gates i and f, the new cell state, which o sees, and o."""
        i = sigmoid(x @ w.x_i + s.h @ w.h_i + tanh(s.c @ w.c_i) + w.b_i)
        f = sigmoid(x @ w.x_f + s.h @ w.h_f + tanh(s.c @ w.c_f) + w.b_f)
        c = f * s.c + i * tanh(x @ w.x_n + s.h @ w.h_n + w.b_n)
        return i, f, c, sigmoid(x @ w.x_o + s.h @ w.h_o + tanh(c @ w.c_o) + w.b_o)
