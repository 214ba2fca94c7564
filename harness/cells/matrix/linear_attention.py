from __future__ import annotations

from typing import TYPE_CHECKING

from harness.cells.base import Parameter, State, Weights
from harness.cells.functions import fold
from harness.cells.matrix._memory import MatrixCell, feature, spread

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

    def keeps(self, w: Weights, x: Tensor, s: State, hidden_size: int) -> Tensor | None:
        return x.new_full((len(x), 1, 1), 1.0)

    def step(self, w: Weights, x: Tensor, s: State) -> dict[str, Tensor]:
        k = feature(x @ w.x_k)
        return {"S": s.S + self.outer(k, x @ w.x_v), "z": s.z + k}

    def output(self, w: Weights, x: Tensor, s: State) -> Tensor:
        q = feature(x @ w.x_q)
        read = self.read(q, s.S)
        return read / spread(fold(q * s.z, self.key_size) + EPSILON, read.shape[-1])
