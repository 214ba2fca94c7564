from __future__ import annotations

from typing import TYPE_CHECKING

from harness.cells.base import Parameter, State, Weights
from harness.cells.functions import sigmoid, tanh
from harness.cells.gating import Gated, gates, keeping_bias

if TYPE_CHECKING:
    from torch import Tensor


class PeepholeLSTM(Gated):
    """LSTM whose gates also see the cell state, each unit its own, so that it can count and time.

        i   = sigmoid(x_t · W_xi + h_{t-1} · W_hi + p_i * c_{t-1} + b_i)
        f   = sigmoid(x_t · W_xf + h_{t-1} · W_hf + p_f * c_{t-1} + b_f)
        g   = tanh(x_t · W_xg + h_{t-1} · W_hg + b_g)
        c_t = f * c_{t-1} + i * g
        o   = sigmoid(x_t · W_xo + h_{t-1} · W_ho + p_o * c_t + b_o)
        h_t = o * tanh(c_t)

    Source: Gers, Schraudolph, Schmidhuber, "Learning precise timing with LSTM recurrent networks", Journal of Machine
    Learning Research 3, 2002; written as in Greff et al., "LSTM: a search space odyssey", IEEE Transactions on Neural
    Networks and Learning Systems 28(10), 2017, section 2. One cell per block. Gers et al. squash by scaled sigmoids and
    leave out the outer tanh in most experiments. The peepholes start in ±0.1, as all weights do there.
    """

    name = "lstm_peephole"
    family = "gated"
    parts = ("h", "c")
    memory = "c"
    gate_roles = {"i": "input gate: writes", "f": "forget gate: keeps", "o": "output gate: tells"}

    forget_bias: float = keeping_bias("forget gate", 1.0)

    def parameters(self, input_size: int, hidden_size: int) -> dict[str, Parameter]:
        peephole = Parameter((hidden_size,), "drawn", draw=lambda rng: rng.uniform(-0.1, 0.1, hidden_size))
        return gates(
            "i",
            "f",
            "g",
            "o",
            input_size=input_size,
            hidden_size=hidden_size,
            bias={"i": self.overwriting(0.0), "f": self.keeping(self.forget_bias)},
        ) | {"p_i": peephole, "p_f": peephole, "p_o": peephole}

    def gates(self, w: Weights, x: Tensor, s: State) -> dict[str, Tensor]:
        i, f, _, o = self._read(w, x, s)
        return {"i": i, "f": f, "o": o}

    def step(self, w: Weights, x: Tensor, s: State) -> dict[str, Tensor]:
        _, _, c, o = self._read(w, x, s)
        return {"h": o * tanh(c), "c": c}

    def _read(self, w: Weights, x: Tensor, s: State) -> tuple[Tensor, ...]:
        """The gates i and f, the new cell state, which o sees, and o."""
        i = sigmoid(x @ w.x_i + s.h @ w.h_i + w.p_i * s.c + w.b_i)
        f = sigmoid(x @ w.x_f + s.h @ w.h_f + w.p_f * s.c + w.b_f)
        c = f * s.c + i * tanh(x @ w.x_g + s.h @ w.h_g + w.b_g)
        return i, f, c, sigmoid(x @ w.x_o + s.h @ w.h_o + w.p_o * c + w.b_o)
