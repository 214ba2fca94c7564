from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, model_validator

from harness.base.options import INIT_ONLY
from harness.cells.base import Cell, Parameter, State, Weights

if TYPE_CHECKING:
    from torch import Tensor


class S5(Cell):
    """Simplified state-space layer: one linear system in continuous time for all units, diagonal and complex.

        Λ̄ = exp(Λ Δ),  B̄ = (Λ̄ - 1) / Λ * B              Λ = -exp(α) + i ω, H of them; Δ of each
        s_t = Λ̄ * s_{t-1} + x_t · B̄                     complex: the parts ``re`` and ``im``
        y_t = 2 Re(s_t · C) + x_t · D                   what the next layer sees

    Λ, B and C start as those of the normal part of HiPPO-LegS with 2 H states, of which one of each conjugate pair is
    kept; Δ between ``dt_min`` and ``dt_max``, uniformly in the logarithm. `init` and `weight_scale` have nothing to act
    on.

    Source: Smith, Warrington, Linderman, "Simplified state space layers for sequence modeling", ICLR 2023, section 3:
    zero-order hold, one block. D is a matrix here, since there need not be as many inputs as units; nonlinear layers
    after it are not the cell's.
    """

    name = "s5"
    family = "linear"
    parts = ("re", "im")
    memory = "re"

    dt_min: float = Field(0.001, gt=0, json_schema_extra=INIT_ONLY, description="smallest step Δ to start from")
    dt_max: float = Field(0.1, gt=0, json_schema_extra=INIT_ONLY, description="largest step Δ to start from")

    @model_validator(mode="after")
    def _span(self) -> S5:
        if self.dt_min > self.dt_max:
            raise ValueError(f"dt_min={self.dt_min} with dt_max={self.dt_max}; valid: no larger one")
        return self

    def parameters(self, input_size: int, hidden_size: int) -> dict[str, Parameter]:
        size = (hidden_size,)

        def into(rng: np.random.Generator) -> NDArray[np.complex128]:
            return rng.standard_normal((input_size, 2 * hidden_size)) / input_size**0.5 @ hippo(hidden_size)[1].conj()

        def out(rng: np.random.Generator) -> NDArray[np.complex128]:
            shape = (2, hidden_size, 2 * hidden_size)
            real, imaginary = rng.standard_normal(shape) / (4 * hidden_size) ** 0.5
            return ((real + 1j * imaginary) @ hippo(hidden_size)[1]).T

        span = np.log(self.dt_min), np.log(self.dt_max)
        within, square = (input_size, hidden_size), (hidden_size, hidden_size)
        return {
            "alpha": Parameter(size, "constant", (float(np.log(0.5)),)),
            "omega": Parameter(size, "constant", tuple(map(float, hippo(hidden_size)[0]))),
            "dt": Parameter(size, "drawn", draw=lambda rng: rng.uniform(*span, hidden_size)),
            "b_re": Parameter(within, "drawn", draw=lambda rng: into(rng).real, stream="b"),
            "b_im": Parameter(within, "drawn", draw=lambda rng: into(rng).imag, stream="b"),
            "c_re": Parameter(square, "drawn", draw=lambda rng: out(rng).real, stream="c"),
            "c_im": Parameter(square, "drawn", draw=lambda rng: out(rng).imag, stream="c"),
            "d": Parameter(within, "drawn", draw=lambda rng: rng.standard_normal(within) / input_size**0.5),
        }

    def weights(self, p: Weights) -> dict[str, Tensor]:
        """The system of each step."""
        import torch

        rate = torch.complex(-p.alpha.exp(), p.omega)
        kept = (rate * p.dt.exp()).exp()
        into = ((kept - 1) / rate)[:, None] * torch.complex(p.b_re, p.b_im)
        return {
            "a_re": kept.real,
            "a_im": kept.imag,
            "b_re": into.real,
            "b_im": into.imag,
            "c_re": 2 * p.c_re,
            "c_im": 2 * p.c_im,
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


@lru_cache(maxsize=16)
def hippo(pairs: int) -> tuple[NDArray[np.float64], NDArray[np.complex128]]:
    """Of the normal part of HiPPO-LegS with 2 · ``pairs`` states, the eigenvalues' imaginary parts, and eigenvectors.

    Its eigenvalues are -1/2 ± iω; of each pair the one with ω > 0 is given.

    Returns:
        ω (pairs,), growing, and the eigenvectors as columns (2 · pairs, pairs).
    """
    root = np.sqrt(2 * np.arange(2 * pairs) + 1) / 2
    skew = np.triu(np.outer(2 * root, root), 1)
    values, vectors = np.linalg.eigh(1j * (skew - skew.T))
    return -values[:pairs][::-1], vectors[:, :pairs][:, ::-1]
