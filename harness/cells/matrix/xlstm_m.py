from __future__ import annotations

from typing import TYPE_CHECKING

from harness.cells.base import Parameter, State, Weights
from harness.cells.functions import absolute, exp, fold, maximum, sigmoid, softplus
from harness.cells.gating import Gated, biases, keeping_bias
from harness.cells.matrix._memory import MatrixCell, spread

if TYPE_CHECKING:
    from torch import Tensor


class MatrixXLSTM(MatrixCell, Gated):
    """mLSTM of xLSTM: a matrix memory with an exponential input gate and a forget gate for each head.

        q, k, v = x_t · W_q + b_q, (x_t · W_k + b_k) / √key_size, x_t · W_v + b_v
        i, f = x_t · W_i + b_i, x_t · W_f + b_f         a number of each head
        m_t = max(ln sigmoid(f) + m_{t-1}, i)           keeps exponents small, and changes nothing else
        S_t = exp(ln sigmoid(f) + m_{t-1} - m_t) S_{t-1} + exp(i - m_t) kᵀ v        (key_size, H / heads)
        n_t = exp(ln sigmoid(f) + m_{t-1} - m_t) n_{t-1} + exp(i - m_t) k
        y_t = sigmoid(x_t · W_o + b_o) * (q S_t) / max(|q n_tᵀ|, exp(-m_t))         what the next layer sees

    There are no recurrent weights, so `init` and `weight_scale` have nothing to act on. The forget bias starts at 3,
    the first of the values from 3 to 6 that the authors' implementation gives its heads.

    Source: Beck, Pöppel, Spanring et al., "xLSTM: extended long short-term memory", NeurIPS 2024, section 2.3, with the
    sigmoid of the two forget gates offered there. Normalisation, convolution and projections of the block are not the
    cell's.
    """

    name = "xlstm_m"
    parts = ("S", "n", "m")
    gate_roles = {"f": "forget gate: keeps", "o": "output gate: tells"}

    forget_bias: float = keeping_bias("forget gate", 3.0)

    def widths(self, hidden_size: int) -> dict[str, int]:
        return {"S": self.key_size * hidden_size, "n": self.heads * self.key_size, "m": self.heads}

    def parameters(self, input_size: int, hidden_size: int) -> dict[str, Parameter]:
        keys = self.heads * self.key_size
        widths = {"q": keys, "k": keys, "v": hidden_size, "o": hidden_size, "i": self.heads, "f": self.heads}
        found = self.dense(input_size, hidden_size, **{f"x_{name}": width for name, width in widths.items()})
        starts = dict.fromkeys(widths, 0.0) | {"f": self.keeping(self.forget_bias)}
        return found | {f"b_{name}": biases(width, starts[name]) for name, width in widths.items()}

    def weights(self, p: Weights) -> dict[str, Tensor]:
        """With k divided."""
        scale = self.key_size**-0.5
        return {**p, "x_k": p.x_k * scale, "b_k": p.b_k * scale}

    def gates(self, w: Weights, x: Tensor, s: State) -> dict[str, Tensor]:
        return {"f": sigmoid(x @ w.x_f + w.b_f), "o": sigmoid(x @ w.x_o + w.b_o)}

    def step(self, w: Weights, x: Tensor, s: State) -> dict[str, Tensor]:
        i, kept = x @ w.x_i + w.b_i, s.m - softplus(-(x @ w.x_f + w.b_f))
        m = maximum(kept, i)
        keep, write = exp(kept - m), exp(i - m)
        k, v = x @ w.x_k + w.b_k, x @ w.x_v + w.b_v
        k = spread(write, k.shape[-1]) * k
        return {
            "S": spread(keep, s.S.shape[-1]) * s.S + self.outer(k, v),
            "n": spread(keep, s.n.shape[-1]) * s.n + k,
            "m": m,
        }

    def output(self, w: Weights, x: Tensor, s: State) -> Tensor:
        q, told = x @ w.x_q + w.b_q, sigmoid(x @ w.x_o + w.b_o)
        share = absolute(fold(q * s.n, self.key_size))
        return told * self.read(q, s.S) / spread(maximum(share, exp(-s.m)), told.shape[-1])
