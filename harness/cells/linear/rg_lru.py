from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from pydantic import Field, model_validator

from harness.base.options import INIT_ONLY
from harness.cells.base import Cell, Parameter, State, Weights
from harness.cells.functions import exp, sigmoid, sqrt
from harness.cells.gating import overwriting_bias

if TYPE_CHECKING:
    from torch import Tensor

SHARPNESS = 8.0
"""The c of the paper: the power of a that a recurrence gate of 1 lets through."""


class RGLRU(Cell):
    """Real-gated linear recurrent unit, the recurrence of Griffin: a factor per unit that the input can open to 1.

        u = x_t · W + b
        r = sigmoid(u · W_r + b_r)                     recurrence gate
        i = sigmoid(u · W_i + b_i)                     input gate
        a = sigmoid(Λ) ^ (8 r)
        h_t = a * h_{t-1} + √(1 - a²) * (i * u)

    Λ starts so that sigmoid(Λ)^8 lies between ``a_min`` and ``a_max``; `init` and `weight_scale` have nothing to act
    on; this range takes the place of gate_init=chrono.

    Source: De, Smith, Fernando et al., "Griffin: mixing gated linear recurrences with local attention for efficient
    language models", arXiv:2402.19427, 2024, section 2.4. u is the linear layer in front of it (its convolution is left
    out). Unlike the paper, RecurrentGemma, the authors' code, does not scale the first input of a text by √(1 - a²);
    its gates have block-diagonal matrices, which are whole here.
    """

    name = "rg_lru"
    family = "linear"
    gate_roles = {"r": "recurrence gate: forgets", "i": "input gate: writes"}

    a_min: float = Field(
        0.9, gt=0, lt=1, json_schema_extra=INIT_ONLY, description="smallest factor per step to start from, gate open"
    )
    a_max: float = Field(
        0.999, gt=0, lt=1, json_schema_extra=INIT_ONLY, description="largest factor per step to start from, gate open"
    )
    update_bias: float = overwriting_bias("recurrence gate")

    @model_validator(mode="after")
    def _span(self) -> RGLRU:
        if self.a_min > self.a_max:
            raise ValueError(f"a_min={self.a_min} with a_max={self.a_max}; valid: no larger one")
        return self

    def parameters(self, input_size: int, hidden_size: int) -> dict[str, Parameter]:
        def opened(rng: np.random.Generator) -> np.ndarray:
            a = rng.uniform(self.a_min, self.a_max, hidden_size) ** (1 / SHARPNESS)
            return np.asarray(np.log(a) - np.log1p(-a))

        return {
            "input": Parameter((input_size, hidden_size), "dense"),
            "bias": Parameter((hidden_size,), "constant"),
            "u_r": Parameter((hidden_size, hidden_size), "dense"),
            "u_i": Parameter((hidden_size, hidden_size), "dense"),
            "b_r": Parameter((hidden_size,), "constant", (self.update_bias,)),
            "b_i": Parameter((hidden_size,), "constant"),
            "lam": Parameter((hidden_size,), "drawn", draw=opened),
        }

    def weights(self, p: Weights) -> dict[str, Tensor]:
        """With 8 ln sigmoid(Λ) in the place of Λ."""
        from torch.nn.functional import logsigmoid

        return {**p, "lam": SHARPNESS * logsigmoid(p.lam)}

    def gates(self, w: Weights, x: Tensor, s: State) -> dict[str, Tensor]:
        u = x @ w.input + w.bias
        return {"r": sigmoid(u @ w.u_r + w.b_r), "i": sigmoid(u @ w.u_i + w.b_i)}

    def keeps(self, w: Weights, x: Tensor, s: State, hidden_size: int) -> Tensor | None:
        return exp(self.gates(w, x, s)["r"] * w.lam)

    def step(self, w: Weights, x: Tensor, s: State) -> dict[str, Tensor]:
        u = x @ w.input + w.bias
        r, i = sigmoid(u @ w.u_r + w.b_r), sigmoid(u @ w.u_i + w.b_i)
        a = exp(r * w.lam)
        return {"h": a * s.h + sqrt(1 - a * a) * (i * u)}
