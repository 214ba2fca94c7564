from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from harness.cells.base import Cell, Parameter, State, Weights
from harness.cells.functions import join, relu, sqrt

if TYPE_CHECKING:
    from torch import Tensor

FLOOR = 1e-10
"""What is added to a squared modulus: its root has no derivative at 0."""


class UnitaryRNN(Cell):
    """Unitary evolution RNN: complex states, and a unitary matrix made of Fourier transforms and diagonals.

        W   = D_3 · R_2 · F⁻¹ · D_2 · Π · R_1 · F · D_1
        z   = W h_{t-1} + V x_t
        h_t = modrelu(z, b) = z * max(0, |z| + b) / |z|

    D are diagonals of e^{iθ}, R reflections I - 2 v v* / |v|², F the Fourier transform, Π a permutation that is drawn
    once. The state h has 2 H numbers, the real parts of H complex ones and then the imaginary parts; W is then an
    orthogonal matrix of 2 H × 2 H. With b = 0 the gradient keeps its norm exactly. Neither `init` nor `weight_scale`
    changes W.

    Source: Arjovsky, Shah, Bengio, "Unitary evolution recurrent neural networks", ICML 2016, sections 3 and 4.
    Differences: |z| is √(|z|² + 1e-10); the state starts at 0, in the paper at a learned vector.
    """

    name = "unitary_rnn"
    family = "constrained"

    def parameters(self, input_size: int, hidden_size: int) -> dict[str, Parameter]:
        """``angles`` of D_1, D_2, D_3; ``mirrors``: v of R_1 and of R_2; ``order``: Π sorts it."""

        def angles(rng: np.random.Generator) -> np.ndarray:
            return rng.uniform(-np.pi, np.pi, 3 * hidden_size)

        def mirrors(rng: np.random.Generator) -> np.ndarray:
            return rng.uniform(-1, 1, 4 * hidden_size)

        def order(rng: np.random.Generator) -> np.ndarray:
            return rng.uniform(0, 1, hidden_size)

        return {
            "input": Parameter((input_size, 2 * hidden_size), "dense"),
            "angles": Parameter((3 * hidden_size,), "drawn", draw=angles),
            "mirrors": Parameter((4 * hidden_size,), "drawn", draw=mirrors),
            "order": Parameter((hidden_size,), "drawn", draw=order, trained=False),
            "bias": Parameter((hidden_size,), "constant"),
        }

    def widths(self, hidden_size: int) -> dict[str, int]:
        return {"h": 2 * hidden_size}

    def output_size(self, hidden_size: int) -> int:
        return 2 * hidden_size

    def weights(self, p: Weights) -> dict[str, Tensor]:
        import torch

        first, second, third = torch.exp(1j * p.angles)[:, None].chunk(3, dim=-1)
        real, imaginary = p.mirrors.view(len(p.mirrors), 2, 2, -1).unbind(2)
        one, two = torch.complex(real, imaginary).unbind(1)
        order = p.order.argsort(dim=-1)[:, None].expand(-1, p.order.shape[-1], -1)
        # Row i is what becomes of unit i.
        rows = torch.diag_embed(first[:, 0])
        rows = _reflected(torch.fft.fft(rows, norm="ortho"), one).gather(-1, order) * second
        rows = _reflected(torch.fft.ifft(rows, norm="ortho"), two) * third
        upper, lower = torch.cat([rows.real, rows.imag], -1), torch.cat([-rows.imag, rows.real], -1)
        return {"input": p.input, "recurrent": torch.cat([upper, lower], 1), "bias": p.bias}

    def recurrence(self, w: Weights, hidden_size: int) -> list[Tensor]:
        """W."""
        return [w.recurrent]

    def step(self, w: Weights, x: Tensor, s: State) -> dict[str, Tensor]:
        z = x @ w.input + s.h @ w.recurrent
        real, imaginary = z.chunk(2, dim=-1)
        modulus = sqrt(real * real + imaginary * imaginary + FLOOR)
        scale = relu(modulus + w.bias) / modulus
        return {"h": z * join(scale, scale)}


def _reflected(rows: Tensor, vector: Tensor) -> Tensor:
    """Complex rows (K, H, H), each reflected at the vector of (K, H)."""
    along = (rows * vector.conj()[:, None]).sum(-1, keepdim=True)
    length = (vector.real.square() + vector.imag.square()).sum(-1)[:, None, None]
    return rows - 2 * along / length * vector[:, None]
