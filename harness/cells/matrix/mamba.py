from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from pydantic import Field, model_validator

from harness.base.options import INIT_ONLY
from harness.cells.base import Parameter, State, Weights
from harness.cells.functions import exp, softplus
from harness.cells.matrix._memory import MatrixCell

if TYPE_CHECKING:
    from torch import Tensor


class Mamba(MatrixCell):
    """Selective state-space model, the S6 layer of Mamba: the input decides how long a step is, and what is written.

        u = x_t · W
        Δ = softplus(u · W_1 · W_2 + b_Δ)               of each unit
        B, C = u · W_B, u · W_C                         ``key_size`` numbers each
        S_t = exp(Δ A) * S_{t-1} + Bᵀ (Δ * u)           (key_size, H); A = -exp(a)
        y_t = C S_t + D * u                             what the next layer sees

    A starts as -1, -2, …, -key_size for every unit, Δ between ``dt_min`` and ``dt_max``, uniformly in the logarithm.
    `init` and `weight_scale` have nothing to act on.

    Source: Gu, Dao, "Mamba: linear-time sequence modeling with selective state spaces", COLM 2024, algorithm 2 and
    section 3.6; B̄ = Δ B as in its implementation. u is the layer before it; convolution, output gate and projection of
    the block are not the cell's, and there is one head.
    """

    name = "mamba"

    rank: int = Field(2, ge=1, description="rank of the weights of Δ")
    dt_min: float = Field(0.001, gt=0, json_schema_extra=INIT_ONLY, description="smallest step Δ to start from")
    dt_max: float = Field(0.1, gt=0, json_schema_extra=INIT_ONLY, description="largest step Δ to start from")

    @model_validator(mode="after")
    def _possible(self) -> Mamba:
        if self.dt_min > self.dt_max:
            raise ValueError(f"dt_min={self.dt_min} with dt_max={self.dt_max}; valid: no larger one")
        if self.heads != 1:
            raise ValueError(f"heads={self.heads}; valid: 1, the keys of Mamba are those of all units")
        return self

    def parameters(self, input_size: int, hidden_size: int) -> dict[str, Parameter]:
        def step_size(rng: np.random.Generator) -> np.ndarray:
            dt = np.exp(rng.uniform(np.log(self.dt_min), np.log(self.dt_max), hidden_size))
            return np.asarray(np.log(np.expm1(dt)))

        def dense(rows: int, columns: int) -> Parameter:
            return Parameter((rows, columns), "dense")

        rates = tuple(float(np.log(n)) for n in range(1, self.key_size + 1))
        return {
            "input": dense(input_size, hidden_size),
            "u_b": dense(hidden_size, self.key_size),
            "u_c": dense(hidden_size, self.key_size),
            "u_dt": dense(hidden_size, self.rank),
            "dt_dt": dense(self.rank, hidden_size),
            "b_dt": Parameter((hidden_size,), "drawn", draw=step_size),
            "a": Parameter((self.key_size * hidden_size,), "constant", rates),
            "d": Parameter((hidden_size,), "constant", (1.0,)),
        }

    def weights(self, p: Weights) -> dict[str, Tensor]:
        """With A in the place of a, and the weights of Δ as one matrix."""
        made = {name: p[name] for name in ("input", "u_b", "u_c", "b_dt", "d")}
        return made | {"dt": p.u_dt @ p.dt_dt, "a": -p.a.exp()}

    def keeps(self, w: Weights, x: Tensor, s: State, hidden_size: int) -> Tensor | None:
        return exp(self.valued(softplus(x @ w.input @ w.dt + w.b_dt)) * w.a)

    def step(self, w: Weights, x: Tensor, s: State) -> dict[str, Tensor]:
        u = x @ w.input
        dt = softplus(u @ w.dt + w.b_dt)
        return {"S": exp(self.valued(dt) * w.a) * s.S + self.outer(u @ w.u_b, dt * u)}

    def output(self, w: Weights, x: Tensor, s: State) -> Tensor:
        u = x @ w.input
        return self.read(u @ w.u_c, s.S) + w.d * u
