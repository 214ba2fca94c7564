from __future__ import annotations

from typing import TYPE_CHECKING

from harness.cells.base import Parameter, State, Weights
from harness.cells.matrix._memory import MatrixCell, feature

if TYPE_CHECKING:
    from torch import Tensor

EPSILON = 1e-6
"""What keeps the denominator from 0."""


class LinearAttention(MatrixCell):
    """Causal attention without softmax, as a recurrence: every step adds its key and value, and nothing is forgotten.

        q, k, v = x_t · W_q, x_t · W_k, x_t · W_v
        S_t = S_{t-1} + φ(k)ᵀ v                        of each head, (key_size, H / heads); φ(x) = elu(x) + 1
        z_t = z_{t-1} + φ(k)
        y_t = φ(q) S_t / (φ(q) z_tᵀ + 10⁻⁶)             what the next layer sees

    There are no recurrent weights, so `init` and `weight_scale` have nothing to act on.

    Source: Katharopoulos, Vyas, Pappas, Fleuret, "Transformers are RNNs", ICML 2020, section 3.4. Residual
    paths and feed-forward layers around it are not the cell's.
    """

    name = "linear_attention"
    parts = ("S", "z")

    def widths(self, hidden_size: int) -> dict[str, int]:
        return {"S": self.key_size * hidden_size, "z": self.heads * self.key_size}

    def parameters(self, input_size: int, hidden_size: int) -> dict[str, Parameter]:
        keys = self.heads * self.key_size
        return self.dense(input_size, hidden_size, x_q=keys, x_k=keys, x_v=hidden_size)

    def weights(self, p: Weights) -> dict[str, Tensor]:
        size = p.x_v.shape[-1]
        return {
            "q": p.x_q,
            "k": p.x_k,
            "v": self.valued(p.x_v),
            "spreads": self.spreads(p.x_v, size),
            "sums": self.sums(p.x_v, size),
            "sums_z": self.sums_of_keys(p.x_v, size // self.heads),
        }

    def step(self, w: Weights, x: Tensor, s: State) -> dict[str, Tensor]:
        k = feature(x @ w.k)
        return {"S": s.S + (k @ w.spreads) * (x @ w.v), "z": s.z + k}

    def output(self, w: Weights, x: Tensor, s: State) -> Tensor:
        q = feature(x @ w.q)
        return (((q @ w.spreads) * s.S) @ w.sums) / ((q * s.z) @ w.sums_z + EPSILON)
