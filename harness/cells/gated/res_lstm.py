from __future__ import annotations

from typing import TYPE_CHECKING

from harness.cells.base import Parameter, State, Weights
from harness.cells.functions import sigmoid, tanh
from harness.cells.gating import Gated, gates, keeping_bias

if TYPE_CHECKING:
    from torch import Tensor


class ResidualLSTM(Gated):
    """Residual LSTM: an LSTM whose output gate also lets the input through.

        i   = sigmoid(x_t · W_xi + h_{t-1} · W_hi + p_i * c_{t-1} + b_i)
        f   = sigmoid(x_t · W_xf + h_{t-1} · W_hf + p_f * c_{t-1} + b_f)
        c_t = f * c_{t-1} + i * tanh(x_t · W_xn + h_{t-1} · W_hn + b_n)
        o   = sigmoid(x_t · W_xo + h_{t-1} · W_ho + p_o * c_t + b_o)
        h_t = o * (tanh(c_t) · W_p + x_t · W_r)

    Source: Kim, El-Khamy, Lee, "Residual LSTM: design of a deep recurrent architecture for distant speech
    recognition", Interspeech 2017, section 3. There W_r is the identity where a layer has as many inputs as units. The
    peepholes start in ±0.1.
    """

    name = "res_lstm"
    family = "gated"
    parts = ("h", "c")
    memory = "c"
    gate_roles = {"i": "input gate: writes", "f": "forget gate: keeps", "o": "output gate: tells"}

    forget_bias: float = keeping_bias("forget gate", 1.0)

    def parameters(self, input_size: int, hidden_size: int) -> dict[str, Parameter]:
        """Besides the usual: the peepholes ``p_<gate>``, ``projection`` W_p and ``residual`` W_r."""
        peephole = Parameter((hidden_size,), "drawn", draw=lambda rng: rng.uniform(-0.1, 0.1, hidden_size))
        bias = {"i": self.overwriting(0.0), "f": self.keeping(self.forget_bias)}
        return {
            **gates("i", "f", "n", "o", input_size=input_size, hidden_size=hidden_size, bias=bias),
            **{f"p_{gate}": peephole for gate in "ifo"},
            "projection": Parameter((hidden_size, hidden_size), "dense"),
            "residual": Parameter((input_size, hidden_size), "dense"),
        }

    def gates(self, w: Weights, x: Tensor, s: State) -> dict[str, Tensor]:
        i, f, _, o = self._read(w, x, s)
        return {"i": i, "f": f, "o": o}

    def step(self, w: Weights, x: Tensor, s: State) -> dict[str, Tensor]:
        _, _, c, o = self._read(w, x, s)
        return {"h": o * (tanh(c) @ w.projection + x @ w.residual), "c": c}

    def _read(self, w: Weights, x: Tensor, s: State) -> tuple[Tensor, ...]:
        """The gates i and f, the new cell state, which o sees, and o."""
        i = sigmoid(x @ w.x_i + s.h @ w.h_i + w.p_i * s.c + w.b_i)
        f = sigmoid(x @ w.x_f + s.h @ w.h_f + w.p_f * s.c + w.b_f)
        c = f * s.c + i * tanh(x @ w.x_n + s.h @ w.h_n + w.b_n)
        return i, f, c, sigmoid(x @ w.x_o + s.h @ w.h_o + w.p_o * c + w.b_o)
