from __future__ import annotations

from typing import TYPE_CHECKING

from harness.cells.base import Parameter, State, Weights
from harness.cells.functions import sigmoid, silu, sqrt
from harness.cells.matrix._memory import MatrixCell

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

    def weights(self, p: Weights) -> dict[str, Tensor]:
        size = p.x_v.shape[-1]
        return {
            "q": p.x_q,
            "k": p.x_k,
            "v": p.x_v,
            "b": self.of_heads(p.x_b, size),
            "spreads": self.spreads(p.x_v, size),
            "repeats": self.repeats(p.x_v, size),
            "sums": self.sums(p.x_v, size),
            "lengths": self.sums_of_keys(p.x_v, self.key_size),
        }

    def gates(self, w: Weights, x: Tensor, s: State) -> dict[str, Tensor]:
        return {"b": sigmoid(x @ w.b)}

    def step(self, w: Weights, x: Tensor, s: State) -> dict[str, Tensor]:
        return {"S": self.written(w, x, s.S)}

    def written(self, w: Weights, x: Tensor, held: Tensor) -> Tensor:
        """What is held, with the value of this step in the place of what its key held."""
        k = normalised_keys(w, x @ w.k)
        change = sigmoid(x @ w.b) * (silu(x @ w.v) - (k * held) @ w.sums)
        return held + k * (change @ w.repeats)

    def output(self, w: Weights, x: Tensor, s: State) -> Tensor:
        return (normalised_keys(w, x @ w.q) * s.S) @ w.sums * self.key_size**-0.5


def normalised_keys(w: Weights, read: Tensor) -> Tensor:
    """Keys of length 1, spread over units."""
    k = silu(read)
    return (k / sqrt((k * k) @ w.lengths + EPSILON)) @ w.spreads
