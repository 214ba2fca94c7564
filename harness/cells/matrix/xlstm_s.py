from __future__ import annotations

from typing import TYPE_CHECKING

from harness.cells.base import Parameter, State, Weights
from harness.cells.functions import exp, maximum, sigmoid, softplus, tanh
from harness.cells.gating import Gated, gates, keeping_bias

if TYPE_CHECKING:
    from torch import Tensor


class ScalarXLSTM(Gated):
    """sLSTM of xLSTM: an LSTM with an exponential input gate, whose state is divided by the sum of what was written.

        z = tanh(x_t · W_xz + h_{t-1} · W_hz + b_z)
        i, f, o                                         pre-activations like that of z
        m_t = max(ln sigmoid(f) + m_{t-1}, i)           keeps exponents small, and changes nothing else
        c_t = exp(ln sigmoid(f) + m_{t-1} - m_t) * c_{t-1} + exp(i - m_t) * z
        n_t = exp(ln sigmoid(f) + m_{t-1} - m_t) * n_{t-1} + exp(i - m_t)
        h_t = sigmoid(o) * c_t / n_t

    Source: Beck, Pöppel, Spanring et al., "xLSTM: extended long short-term memory", NeurIPS 2024, section 2.2, with the
    sigmoid of the two forget gates offered there, and one head. Normalisation and projections of the block are not the
    cell's.
    """

    name = "xlstm_s"
    family = "matrix"
    parts = ("h", "c", "n", "m")
    memory = "c"
    gate_roles = {"f": "forget gate: keeps", "o": "output gate: tells"}

    forget_bias: float = keeping_bias("forget gate")

    def parameters(self, input_size: int, hidden_size: int) -> dict[str, Parameter]:
        bias = {"f": self.keeping(self.forget_bias)}
        return gates("z", "i", "f", "o", input_size=input_size, hidden_size=hidden_size, bias=bias)

    def gates(self, w: Weights, x: Tensor, s: State) -> dict[str, Tensor]:
        return {
            "f": sigmoid(x @ w.x_f + s.h @ w.h_f + w.b_f),
            "o": sigmoid(x @ w.x_o + s.h @ w.h_o + w.b_o),
        }

    def step(self, w: Weights, x: Tensor, s: State) -> dict[str, Tensor]:
        z = tanh(x @ w.x_z + s.h @ w.h_z + w.b_z)
        i = x @ w.x_i + s.h @ w.h_i + w.b_i
        kept = s.m - softplus(-(x @ w.x_f + s.h @ w.h_f + w.b_f))
        o = sigmoid(x @ w.x_o + s.h @ w.h_o + w.b_o)
        m = maximum(kept, i)
        keep, write = exp(kept - m), exp(i - m)
        c, n = keep * s.c + write * z, keep * s.n + write
        return {"h": o * c / n, "c": c, "n": n, "m": m}
