from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from pydantic import Field, model_validator

from harness.base.options import INIT_ONLY
from harness.cells.base import Cell, Parameter, State, Weights

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
        """Of states, those of one unit lie side by side."""
        size = (hidden_size * self.states,)
        span = np.log(self.dt_min), np.log(self.dt_max)
        frequencies = tuple(np.pi * n for n in range(self.states)) * hidden_size
        return {
            "input": Parameter((input_size, hidden_size), "dense"),
            "bias": Parameter((hidden_size,), "constant"),
            "dt": Parameter((hidden_size,), "drawn", draw=lambda rng: rng.uniform(*span, hidden_size)),
            "alpha": Parameter(size, "constant", (float(np.log(0.5)),)),
            "omega": Parameter(size, "constant", frequencies),
            "c_re": Parameter(size, "drawn", draw=lambda rng: rng.standard_normal(size) / 2**0.5),
            "c_im": Parameter(size, "drawn", draw=lambda rng: rng.standard_normal(size) / 2**0.5),
            "d": Parameter((hidden_size,), "drawn", draw=lambda rng: rng.standard_normal(hidden_size)),
        }

    def weights(self, p: Weights) -> dict[str, Tensor]:
        """The system of each step; W with B̄ and with D in it, and C as a matrix from states to units."""
        import torch

        def spread(units: Tensor) -> Tensor:
            return units.repeat_interleave(self.states, dim=-1)

        a = torch.complex(-p.alpha.exp(), p.omega)
        kept = (spread(p.dt.exp()) * a).exp()
        into = (kept - 1) / a
        home = spread(torch.eye(p.d.shape[-1], dtype=p.d.dtype, device=p.d.device)).mT
        return {
            "a_re": kept.real,
            "a_im": kept.imag,
            "x_re": spread(p.input) * into.real[:, None],
            "x_im": spread(p.input) * into.imag[:, None],
            "b_re": spread(p.bias) * into.real,
            "b_im": spread(p.bias) * into.imag,
            "c_re": 2 * p.c_re[..., None] * home,
            "c_im": 2 * p.c_im[..., None] * home,
            "x_y": p.input * p.d[:, None],
            "b_y": p.bias * p.d,
        }

    def recurrence(self, w: Weights, hidden_size: int) -> list[Tensor]:
        """Its factors."""
        import torch

        return [torch.complex(w.a_re, w.a_im)]

    def step(self, w: Weights, x: Tensor, s: State) -> dict[str, Tensor]:
        return {
            "re": w.a_re * s.re - w.a_im * s.im + x @ w.x_re + w.b_re,
            "im": w.a_re * s.im + w.a_im * s.re + x @ w.x_im + w.b_im,
        }

    def output(self, w: Weights, x: Tensor, s: State) -> Tensor:
        return s.re @ w.c_re - s.im @ w.c_im + x @ w.x_y + w.b_y
