from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, model_validator

from harness.base.options import INIT_ONLY
from harness.cells.base import Cell, Parameter, State, Weights

if TYPE_CHECKING:
    from torch import Tensor

Values = NDArray[np.float64]


class LRU(Cell):
    """Linear recurrent unit: a complex factor per unit, inside the unit circle by the way it is written.

        λ = exp(-exp(ν) + i exp(θ))
        s_t = λ * s_{t-1} + exp(γ) * (x_t · B)          complex: the parts ``re`` and ``im``
        y_t = Re(s_t · C) + x_t · D                     what the next layer sees

    The factors start in a ring of the complex plane, uniformly, and γ such that the state keeps the input's size;
    `init` and `weight_scale` have nothing to act on.

    Source: Orvieto, Smith, Gu, Fernando, Gulcehre, Pascanu, De, "Resurrecting recurrent neural networks for long
    sequences", ICML 2023, sections 3.3 and 3.4, appendix A. D is a matrix here, since there need not be as many inputs
    as units; nonlinear layers around it are not the cell's.
    """

    name = "lru"
    family = "linear"
    parts = ("re", "im")
    memory = "re"

    r_min: float = Field(0.0, ge=0, lt=1, json_schema_extra=INIT_ONLY, description="smallest |λ| to start from")
    r_max: float = Field(1.0, gt=0, le=1, json_schema_extra=INIT_ONLY, description="largest |λ| to start from")
    max_phase: float = Field(
        6.28, gt=0, le=6.2832, json_schema_extra=INIT_ONLY, description="largest angle of λ to start from, in radians"
    )

    @model_validator(mode="after")
    def _ring(self) -> LRU:
        if self.r_min >= self.r_max:
            raise ValueError(f"r_min={self.r_min} with r_max={self.r_max}; valid: a smaller one")
        return self

    def parameters(self, input_size: int, hidden_size: int) -> dict[str, Parameter]:
        size = (hidden_size,)

        def modulus(rng: np.random.Generator) -> Values:
            low, high = self.r_min**2, self.r_max**2
            return np.asarray(np.sqrt(np.maximum(rng.uniform(low, high, hidden_size), 1e-12)))

        def gaussian(rows: int, spread: float) -> Parameter:
            return Parameter(
                (rows, hidden_size), "drawn", draw=lambda rng: spread * rng.standard_normal((rows, hidden_size))
            )

        into, out = (2 * input_size) ** -0.5, hidden_size**-0.5
        return {
            "nu": Parameter(size, "drawn", draw=lambda rng: np.log(-np.log(modulus(rng))), stream="ring"),
            "theta": Parameter(size, "drawn", draw=lambda rng: np.log(rng.uniform(0, self.max_phase, hidden_size))),
            "gamma": Parameter(size, "drawn", draw=lambda rng: np.log1p(-(modulus(rng) ** 2)) / 2, stream="ring"),
            "b_re": gaussian(input_size, into),
            "b_im": gaussian(input_size, into),
            "c_re": gaussian(hidden_size, out),
            "c_im": gaussian(hidden_size, out),
            "d": gaussian(input_size, input_size**-0.5),
        }

    def weights(self, p: Weights) -> dict[str, Tensor]:
        size, gain = (-p.nu.exp()).exp(), p.gamma.exp()[:, None]
        return {
            "a_re": size * p.theta.exp().cos(),
            "a_im": size * p.theta.exp().sin(),
            "b_re": gain * p.b_re,
            "b_im": gain * p.b_im,
            "c_re": p.c_re,
            "c_im": p.c_im,
            "d": p.d,
        }

    def recurrence(self, w: Weights, hidden_size: int) -> list[Tensor]:
        """Its factors."""
        import torch

        return [torch.complex(w.a_re, w.a_im)]

    def step(self, w: Weights, x: Tensor, s: State) -> dict[str, Tensor]:
        return {
            "re": w.a_re * s.re - w.a_im * s.im + x @ w.b_re,
            "im": w.a_re * s.im + w.a_im * s.re + x @ w.b_im,
        }

    def output(self, w: Weights, x: Tensor, s: State) -> Tensor:
        return s.re @ w.c_re - s.im @ w.c_im + x @ w.d
