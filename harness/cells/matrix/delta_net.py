from __future__ import annotations

from typing import TYPE_CHECKING

from harness.cells.base import Parameter, State, Weights
from harness.cells.functions import fold, sigmoid, silu, sqrt
from harness.cells.matrix._memory import MatrixCell, spread

if TYPE_CHECKING:
    from torch import Tensor

EPSILON = 1e-6
"""What keeps the length of a key from 0."""


class DeltaNet(MatrixCell):
    """Linear attention that writes by the delta rule: what a key holds is replaced, not added to.

        q, k = silu(x_t · W_q), silu(x_t · W_k)         each divided by its length, √(Σ k² + 10⁻⁶); q by √key_size, too
        v = silu(x_t · W_v)
        β = sigmoid(x_t · W_β)                          a number of each head
        S_t = S_{t-1} + β kᵀ (v - k S_{t-1})            of each head, (key_size, H / heads)
        y_t = q S_t                                     what the next layer sees

    There are no recurrent weights, so `init` and `weight_scale` have nothing to act on.

    Source: Yang, Wang, Zhang, Shen, Kim, "Parallelizing linear transformers with the delta rule over sequence length",
    NeurIPS 2024, sections 2 and 3, without its short convolutions; the rule: Schlag, Irie, Schmidhuber,
    "Linear transformers are secretly fast weight programmers", ICML 2021. Normalisation and projection after it are not
    the cell's.
    """

    name = "delta_net"
    gate_roles = {"b": "writing strength: overwrites"}

    def parameters(self, input_size: int, hidden_size: int) -> dict[str, Parameter]:
        keys = self.heads * self.key_size
        return self.dense(input_size, hidden_size, x_q=keys, x_k=keys, x_v=hidden_size, x_b=self.heads)

    def gates(self, w: Weights, x: Tensor, s: State) -> dict[str, Tensor]:
        return {"b": sigmoid(x @ w.x_b)}

    def keeps(self, w: Weights, x: Tensor, s: State, hidden_size: int) -> Tensor | None:
        return None  # what is replaced is a direction, no unit

    def step(self, w: Weights, x: Tensor, s: State) -> dict[str, Tensor]:
        return {"S": self.written(w, x, s.S)}

    def written(self, w: Weights, x: Tensor, held: Tensor) -> Tensor:
        """What is held, with the value of this step in the place of what its key held."""
        k, v = self.key(x @ w.x_k), silu(x @ w.x_v)
        return held + self.outer(k, spread(sigmoid(x @ w.x_b), v.shape[-1]) * (v - self.read(k, held)))

    def output(self, w: Weights, x: Tensor, s: State) -> Tensor:
        return self.read(self.key(x @ w.x_q), s.S) * self.key_size**-0.5

    def key(self, read: Tensor) -> Tensor:
        """Of every head a key of length 1."""
        k = silu(read)
        return k / spread(sqrt(fold(k * k, self.key_size) + EPSILON), k.shape[-1])
