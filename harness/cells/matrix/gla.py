from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import Field

from harness.cells.base import Parameter, State, Weights
from harness.cells.functions import exp, sigmoid, softplus
from harness.cells.gating import keeping_bias
from harness.cells.matrix._memory import MatrixCell, spread

if TYPE_CHECKING:
    from torch import Tensor

SLOWNESS = 16.0
"""The τ of the paper: the root that is taken of a gate."""


class GLA(MatrixCell):
    """Gated linear attention: the input says of every number of a key how much of what it holds is kept.

        q, k, v = x_t · W_q / √key_size, x_t · W_k, x_t · W_v
        α = sigmoid(x_t · W_1 · W_2 + b)^(1/16)         of each number of a key
        S_t = αᵀ * S_{t-1} + kᵀ v                       of each head, (key_size, H / heads)
        y_t = q S_t                                     what the next layer sees

    There are no recurrent weights, so `init` and `weight_scale` have nothing to act on; nor is there gate_init=chrono:
    for the root, the bias for a lag would keep 16 times as long.

    Source: Yang, Wang, Shen, Panda, Kim, "Gated linear attention transformers with hardware-efficient training", ICML
    2024, section 4. Normalisation and output gate after it are not the cell's.
    """

    name = "gla"
    gate_roles = {"a": "forget gate: keeps"}

    forget_bias: float = keeping_bias("forget gate")
    rank: int = Field(16, ge=1, description="rank of the weights of the forget gate")

    def parameters(self, input_size: int, hidden_size: int) -> dict[str, Parameter]:
        keys = self.heads * self.key_size
        found = self.dense(input_size, hidden_size, x_q=keys, x_k=keys, x_v=hidden_size, x_a=self.rank)
        return found | {
            "a_a": Parameter((self.rank, keys), "dense"),
            "b_a": Parameter((keys,), "constant", (self.forget_bias,)),
        }

    def weights(self, p: Weights) -> dict[str, Tensor]:
        return {"q": p.x_q * self.key_size**-0.5, "k": p.x_k, "v": p.x_v, "a": p.x_a @ p.a_a, "b": p.b_a}

    def gates(self, w: Weights, x: Tensor, s: State) -> dict[str, Tensor]:
        return {"a": sigmoid(x @ w.a + w.b)}

    def keeps(self, w: Weights, x: Tensor, s: State, hidden_size: int) -> Tensor | None:
        return self.gates(w, x, s)["a"] ** (1 / SLOWNESS)

    def step(self, w: Weights, x: Tensor, s: State) -> dict[str, Tensor]:
        kept = exp(softplus(-(x @ w.a + w.b)) * (-1 / SLOWNESS))
        return {"S": spread(kept, s.S.shape[-1]) * s.S + self.outer(x @ w.k, x @ w.v)}

    def output(self, w: Weights, x: Tensor, s: State) -> Tensor:
        return self.read(x @ w.q, s.S)
