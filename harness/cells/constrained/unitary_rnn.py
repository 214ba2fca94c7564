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
    once. The state's real and imaginary part are two parts of it, of H units each; the readout and the next layer see
    both side by side. W is a matrix with 7 H numbers to learn; neither `init` nor `weight_scale` changes it.

    Source: Arjovsky, Shah, Bengio, "Unitary evolution recurrent neural networks", ICML 2016, equations 6 to 9.
    Differences: |z| is √(|z|² + 1e-10); the state starts at 0, in the paper at a learned vector.
    """

    name = "unitary_rnn"
    family = "constrained"
    parts = ("re", "im")
    memory = "re"

    def parameters(self, input_size: int, hidden_size: int) -> dict[str, Parameter]:
        def angles(rng: np.random.Generator) -> np.ndarray:
            return rng.uniform(-np.pi, np.pi, 3 * hidden_size)

        def mirrors(rng: np.random.Generator) -> np.ndarray:
            return rng.uniform(-1, 1, 4 * hidden_size)

        def order(rng: np.random.Generator) -> np.ndarray:
            return rng.uniform(0, 1, hidden_size)

        return {
            "x_re": Parameter((input_size, hidden_size), "dense"),
            "x_im": Parameter((input_size, hidden_size), "dense"),
            "angles": Parameter((3 * hidden_size,), "drawn", draw=angles),
            "mirrors": Parameter((4 * hidden_size,), "drawn", draw=mirrors),
            "order": Parameter((hidden_size,), "drawn", draw=order, trained=False),
            "bias": Parameter((hidden_size,), "constant"),
        }

    def weights(self, p: Weights) -> dict[str, Tensor]:
        """W as the real matrices ``h_re`` and ``h_im``: h · W with h and W complex, and h a row."""
        import torch

        first, second, third = torch.exp(1j * p.angles)[:, None].chunk(3, dim=-1)
        real, imaginary = p.mirrors.view(len(p.mirrors), 2, 2, -1).unbind(2)
        one, two = torch.complex(real, imaginary).unbind(1)
        order = p.order.argsort(dim=-1)[:, None].expand(-1, p.order.shape[-1], -1)
        # Row i is what becomes of unit i.
        rows = torch.diag_embed(first[:, 0])
        rows = _reflected(torch.fft.fft(rows, norm="ortho"), one).gather(-1, order) * second
        rows = _reflected(torch.fft.ifft(rows, norm="ortho"), two) * third
        return {"x_re": p.x_re, "x_im": p.x_im, "h_re": rows.real, "h_im": rows.imag, "bias": p.bias}

    def output_size(self, hidden_size: int) -> int:
        return 2 * hidden_size

    def step(self, w: Weights, x: Tensor, s: State) -> dict[str, Tensor]:
        real = s.re @ w.h_re - s.im @ w.h_im + x @ w.x_re
        imaginary = s.re @ w.h_im + s.im @ w.h_re + x @ w.x_im
        modulus = sqrt(real * real + imaginary * imaginary + FLOOR)
        scale = relu(modulus + w.bias) / modulus
        return {"re": scale * real, "im": scale * imaginary}

    def output(self, w: Weights, x: Tensor, s: State) -> Tensor:
        return join(s.re, s.im)


def _reflected(rows: Tensor, vector: Tensor) -> Tensor:
    """Complex rows (K, H, H), each reflected at the vector of (K, H)."""
    along = (rows * vector.conj()[:, None]).sum(-1, keepdim=True)
    length = (vector.real.square() + vector.imag.square()).sum(-1)[:, None, None]
    return rows - 2 * along / length * vector[:, None]
