from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from pydantic import Field

from harness.base.options import INIT_ONLY
from harness.cells.base import Cell, Parameter, State, Weights
from harness.cells.functions import join, sigmoid, silu
from harness.cells.gating import keeping_bias

if TYPE_CHECKING:
    from torch import Tensor


class HGRN(Cell):
    """Hierarchically gated recurrent network: a complex factor per unit, whose size has a lower bound that is learned.

        μ = sigmoid(x_t · W_μ + b_μ)
        λ = γ + (1 - γ) * μ                             forget gate; γ = sigmoid(g) is its lower bound
        c = silu(x_t · W_re + b_re) + i silu(x_t · W_im + b_im)
        s_t = λ exp(iθ) * s_{t-1} + (1 - λ) * c         complex: the parts ``re`` and ``im``
        y_t = sigmoid(x_t · W_τ + b_τ) * s_t            both halves side by side: what the next layer sees

    There are no recurrent weights, so `init` and `weight_scale` have nothing to act on; nor is there gate_init=chrono:
    above a lower bound, what is kept is not the sigmoid of a bias.

    Source: Qin, Yang, Zhong, "Hierarchically gated recurrent neural network for sequence modeling", NeurIPS 2023,
    section 3. There, lower bounds are sums of shares of a softmax over layers, so that they grow from layer to layer;
    here each layer learns its own, from ``lower_bound``. θ starts at 10000^(-n/H), in the authors' code at
    10000^(-2n/H). Normalisation and projection after it are not the cell's.
    """

    name = "hgrn"
    family = "linear"
    parts = ("re", "im")
    memory = "re"
    gate_roles = {"f": "forget gate: keeps", "o": "output gate: tells"}

    lower_bound: float = Field(
        0.5, gt=0, lt=1, json_schema_extra=INIT_ONLY, description="lower bound of the forget gate to start from"
    )
    forget_bias: float = keeping_bias("forget gate")

    def output_size(self, hidden_size: int) -> int:
        return 2 * hidden_size

    def parameters(self, input_size: int, hidden_size: int) -> dict[str, Parameter]:
        """θ starts as the angles of rotary embeddings, 10000^(-n/H)."""
        bound = float(np.log(self.lower_bound / (1 - self.lower_bound)))
        angles = tuple(float(10000 ** (-n / hidden_size)) for n in range(hidden_size))
        biases = {"mu": self.forget_bias, "re": 0.0, "im": 0.0, "tau": 0.0}
        return {
            **{f"x_{name}": Parameter((input_size, hidden_size), "dense") for name in biases},
            **{f"b_{name}": Parameter((hidden_size,), "constant", (start,)) for name, start in biases.items()},
            "g": Parameter((hidden_size,), "constant", (bound,)),
            "theta": Parameter((hidden_size,), "constant", angles),
        }

    def weights(self, p: Weights) -> dict[str, Tensor]:
        """With γ for g, and cosine and sine for θ."""
        rest = {name: value for name, value in p.items() if name not in ("g", "theta")}
        return {**rest, "least": p.g.sigmoid(), "cos": p.theta.cos(), "sin": p.theta.sin()}

    def gates(self, w: Weights, x: Tensor, s: State) -> dict[str, Tensor]:
        return {
            "f": w.least + (1 - w.least) * sigmoid(x @ w.x_mu + w.b_mu),
            "o": sigmoid(x @ w.x_tau + w.b_tau),
        }

    def step(self, w: Weights, x: Tensor, s: State) -> dict[str, Tensor]:
        kept = w.least + (1 - w.least) * sigmoid(x @ w.x_mu + w.b_mu)
        re, im = silu(x @ w.x_re + w.b_re), silu(x @ w.x_im + w.b_im)
        return {
            "re": re + kept * (w.cos * s.re - w.sin * s.im - re),
            "im": im + kept * (w.cos * s.im + w.sin * s.re - im),
        }

    def output(self, w: Weights, x: Tensor, s: State) -> Tensor:
        told = sigmoid(x @ w.x_tau + w.b_tau)
        return join(told * s.re, told * s.im)
