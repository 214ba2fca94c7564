from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, model_validator

from harness.base.options import INIT_ONLY
from harness.cells.base import Cell, Parameter, State, Weights
from harness.cells.functions import fold, repeat

if TYPE_CHECKING:
    from torch import Tensor


class S4D(Cell):
    """Diagonal state-space model: every unit is a small linear system in continuous time, read off at each step.

        u_t = x_t · W + b
        Ā = exp(Δ A),  B̄ = (Ā - 1) / A                 A = -exp(α) + i ω, complex, ``states`` of them for each unit
        s_t = Ā * s_{t-1} + B̄ * u_t                     each unit's own u_t; the parts ``re`` and ``im``
        y_t = 2 Re(Σ C * s_t) + D * u_t                  over a unit's states: what the next layer sees

    A starts as -1/2 + iπn for n = 0, 1, … (S4D-Lin), Δ of each unit between ``dt_min`` and ``dt_max``, uniformly in the
    logarithm. `init` and `weight_scale` have nothing to act on.

    Source: Gu, Gupta, Goel, Ré, "On the parameterization and initialization of diagonal state space models", NeurIPS
    2022, sections 3 and 4: zero-order hold, B = 1. x · W + b is the layer before it; nonlinear layers
    after it are not the cell's.
    """

    name = "s4d"
    family = "linear"
    parts = ("re", "im")
    memory = "re"

    states: int = Field(4, ge=1, description="pairs of complex states for each unit")
    dt_min: float = Field(0.001, gt=0, json_schema_extra=INIT_ONLY, description="smallest step Δ to start from")
    dt_max: float = Field(0.1, gt=0, json_schema_extra=INIT_ONLY, description="largest step Δ to start from")

    @model_validator(mode="after")
    def _span(self) -> S4D:
        if self.dt_min > self.dt_max:
            raise ValueError(f"dt_min={self.dt_min} with dt_max={self.dt_max}; valid: no larger one")
        return self

    def widths(self, hidden_size: int) -> dict[str, int]:
        return dict.fromkeys(self.parts, hidden_size * self.states)

    def parameters(self, input_size: int, hidden_size: int) -> dict[str, Parameter]:
        """Of states, the first ones of all units lie side by side."""
        size = (hidden_size * self.states,)
        span = np.log(self.dt_min), np.log(self.dt_max)
        frequencies = tuple(float(np.pi * n) for n in range(self.states))

        def gaussian(rng: np.random.Generator) -> NDArray[np.float64]:
            return np.asarray(rng.standard_normal((hidden_size, self.states)).T.ravel() / 2**0.5)

        return {
            "input": Parameter((input_size, hidden_size), "dense"),
            "bias": Parameter((hidden_size,), "constant"),
            "dt": Parameter((hidden_size,), "drawn", draw=lambda rng: rng.uniform(*span, hidden_size)),
            "alpha": Parameter(size, "constant", (float(np.log(0.5)),)),
            "omega": Parameter(size, "constant", frequencies),
            "c_re": Parameter(size, "drawn", draw=gaussian),
            "c_im": Parameter(size, "drawn", draw=gaussian),
            "d": Parameter((hidden_size,), "drawn", draw=lambda rng: rng.standard_normal(hidden_size)),
        }

    def weights(self, p: Weights) -> dict[str, Tensor]:
        """The system of each step, and C doubled."""
        import torch

        a = torch.complex(-p.alpha.exp(), p.omega)
        kept = (repeat(p.dt.exp(), self.states, p.dt.shape[-1]) * a).exp()
        into = (kept - 1) / a
        return {
            "a_re": kept.real,
            "a_im": kept.imag,
            "b_re": into.real,
            "b_im": into.imag,
            "c_re": 2 * p.c_re,
            "c_im": 2 * p.c_im,
            "input": p.input,
            "bias": p.bias,
            "d": p.d,
        }

    def recurrence(self, w: Weights, hidden_size: int) -> list[Tensor]:
        """Its factors."""
        import torch

        return [torch.complex(w.a_re, w.a_im)]

    def step(self, w: Weights, x: Tensor, s: State) -> dict[str, Tensor]:
        u = x @ w.input + w.bias
        u = repeat(u, self.states, u.shape[-1])
        return {
            "re": w.a_re * s.re - w.a_im * s.im + w.b_re * u,
            "im": w.a_re * s.im + w.a_im * s.re + w.b_im * u,
        }

    def output(self, w: Weights, x: Tensor, s: State) -> Tensor:
        u = x @ w.input + w.bias
        return fold(w.c_re * s.re - w.c_im * s.im, self.states, u.shape[-1]) + w.d * u
