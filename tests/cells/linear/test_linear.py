"""Linear cells against their papers' parallel forms."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.nn.functional import conv1d, logsigmoid, pad, silu

from harness.cells import Named, Weights
from harness.cells.base import as_in_a_step
from harness.cells.linear.hgrn import HGRN
from harness.cells.linear.lmu import LMU
from harness.cells.linear.lru import LRU
from harness.cells.linear.qrnn import QRNN
from harness.cells.linear.rg_lru import RGLRU
from harness.cells.linear.s4d import S4D
from harness.cells.linear.s5 import S5, hippo
from harness.cells.linear.sru import SRU
from tests.helpers.references import SIZE, STEPS, compare, decayed


@pytest.mark.parametrize("features", [3, SIZE])
def test_sru(features: int) -> None:
    """No parallel form: the gates see the state. The paper's equations, one after another.

    Compared once with the authors' ``elementwise_recurrence_naive`` (asappresearch/sru, sru/ops.py, 9ddc8da): to 1e-15.
    """

    def reference(p: Weights, x: Tensor) -> Tensor:
        c, seen = torch.zeros(x.shape[1], SIZE, dtype=x.dtype), []
        for u in x:
            forget = 1 / (1 + torch.exp(-(u @ p.x_f + p.v_f * c + p.b_f)))
            reset = 1 / (1 + torch.exp(-(u @ p.x_r + p.v_r * c + p.b_r)))
            c = forget * c + (1 - forget) * (u @ p.x_c)
            seen.append(reset * c + (1 - reset) * (u @ p.x_p if features != SIZE else u) * 3**0.5)
        return torch.stack(seen)

    compare(SRU(), reference, features)


def test_lru_as_a_sum_over_powers() -> None:
    def reference(p: Weights, x: Tensor) -> Tensor:
        a = torch.exp(torch.complex(-torch.exp(p.nu), torch.exp(p.theta)))
        u = torch.exp(p.gamma) * ((x + 0j) @ torch.complex(p.b_re, p.b_im))
        powers = a ** torch.arange(STEPS, dtype=torch.float64)[:, None]
        states = torch.stack([(powers[: t + 1].flip(0)[:, None] * u[: t + 1]).sum(0) for t in range(STEPS)])
        return (states @ torch.complex(p.c_re, p.c_im)).real + x @ p.d

    compare(LRU(), reference)


def test_lru_starts_in_its_ring_and_keeps_the_size_of_its_input() -> None:
    found = LRU(r_min=0.5, r_max=0.9).parameters(3, 2000)
    nu, gamma = (found[name].draw(np.random.default_rng(0)) for name in ("nu", "gamma"))
    size = np.exp(-np.exp(nu))
    assert 0.5 <= size.min() < 0.51
    assert 0.89 < size.max() <= 0.9
    np.testing.assert_allclose(np.mean(size**2), (0.5**2 + 0.9**2) / 2, rtol=0.02)
    np.testing.assert_allclose(np.exp(gamma), np.sqrt(1 - size**2))


def test_s4d_as_a_convolution() -> None:
    """Compared once with the authors' models/s4/s4d.py (state-spaces/s4, e757cef), by Fourier transforms: to 4e-15."""

    def reference(p: Weights, x: Tensor) -> Tensor:
        u = x @ p.input + p.bias
        a = torch.complex(-torch.exp(p.alpha), p.omega).view(2, SIZE)
        c, dt = torch.complex(p.c_re, p.c_im).view(2, SIZE), torch.exp(p.dt)
        # The paper's kernel: K_t = 2 Re(Σ C · (exp(dt A) - 1) / A · exp(t dt A)).
        times = torch.arange(STEPS, dtype=torch.float64)[:, None, None]
        kernel = 2 * (c * (torch.exp(dt * a) - 1) / a * torch.exp(times * dt * a)).sum(-2).real
        made = [sum(kernel[t - j] * u[j] for j in range(t + 1)) for t in range(STEPS)]
        return torch.stack(made) + p.d * u

    compare(S4D(states=2), reference)


def test_rg_lru_as_a_sum_over_pairs_of_steps() -> None:
    """Compared once with the authors' ``RGLRU`` (google-deepmind/recurrentgemma, torch/layers.py, 2efa84d): to 3e-15.

    Told that no step is a text's first, whose input it does not scale, unlike the paper.
    """

    def reference(p: Weights, x: Tensor) -> Tensor:
        u = x @ p.input + p.bias
        r, i = torch.sigmoid(u @ p.u_r + p.b_r), torch.sigmoid(u @ p.u_i + p.b_i)
        log_a = 8 * r * logsigmoid(p.lam)
        return decayed(log_a, torch.sqrt(-torch.expm1(2 * log_a)) * i * u)

    compare(RGLRU(), reference)


def test_qrnn_as_a_convolution_and_a_sum_over_pairs_of_steps() -> None:
    """Compared once with the authors' ``QRNNLayer`` (salesforce/pytorch-qrnn, 1634991): to 1e-15.

    Its f is the paper's 1 - f.
    """

    def reference(p: Weights, x: Tensor) -> Tensor:
        kernel = torch.stack([p.last.mT, p.input.mT], dim=-1)  # (3H, F, 2), the last input first
        read = conv1d(pad(x.permute(1, 2, 0), (1, 0)), kernel, p.bias).permute(2, 0, 1)
        z, f, o = read.chunk(3, dim=-1)
        return torch.sigmoid(o) * decayed(logsigmoid(f), torch.sigmoid(-f) * torch.tanh(z))

    compare(QRNN(), reference)


def test_hgrn_as_a_sum_over_pairs_of_steps() -> None:
    """Compared once with the authors' hgru/hgru1d.py (Doraemonzzz/hgru-pytorch, 09f4ed2): to 1e-15."""

    def reference(p: Weights, x: Tensor) -> Tensor:
        least = torch.sigmoid(p.g)
        kept = least + (1 - least) * torch.sigmoid(x @ p.x_mu + p.b_mu)
        c = torch.complex(silu(x @ p.x_re + p.b_re), silu(x @ p.x_im + p.b_im))
        states = decayed(torch.complex(kept.log(), p.theta.expand_as(kept)), (1 - kept) * c)
        told = torch.sigmoid(x @ p.x_tau + p.b_tau)
        return torch.cat([told * states.real, told * states.imag], dim=-1)

    compare(HGRN(), reference)


def test_lmu_with_the_window_that_scipy_discretises() -> None:
    """The system of the paper entry by entry, held for a step by scipy.

    Compared once with ``LMUCell`` (hrshtv/pytorch-lmu, src/lmu.py, 95a0b93): to 3e-15.
    """
    signal = pytest.importorskip("scipy.signal")
    order, window = 3, 5.0
    a = np.array([[(2 * i + 1) * (-1 if i < j else (-1) ** (i - j + 1)) for j in range(order)] for i in range(order)])
    b = np.array([[(2 * i + 1) * (-1) ** i] for i in range(order)])
    held = signal.cont2discrete((a / window, b / window, np.eye(order), np.zeros((order, 1))), 1.0, "zoh")
    a, b = (torch.from_numpy(each) for each in held[:2])

    def reference(p: Weights, x: Tensor) -> Tensor:
        h, m = torch.zeros(x.shape[1], SIZE, dtype=x.dtype), torch.zeros(x.shape[1], order, dtype=x.dtype)
        seen = []
        for now in x:
            u = torch.cat([now, h, m], dim=1) @ torch.cat([p.e_x, p.e_h, p.e_m])
            m = (a @ m.mT + b @ u.mT).mT
            h = torch.tanh(torch.cat([now, h, m], dim=1) @ torch.cat([p.input, p.recurrent, p.memory]))
            seen.append(h)
        return torch.stack(seen)

    compare(LMU(order=order, window=window), reference)


def test_lmu_remembers_what_came_a_window_ago() -> None:
    """The memory of a constant input is the constant polynomial: 1, 0, 0, … once the window is full."""
    cell = LMU(order=4, window=20.0)
    p = Named({name: torch.zeros(1, *each.shape, dtype=torch.float64) for name, each in cell.parameters(1, 2).items()})
    p["e_x"] += 1
    w = as_in_a_step(cell.weights(p))
    s = Named(h=torch.zeros(1, 1, 2, dtype=torch.float64), m=torch.zeros(1, 1, 4, dtype=torch.float64))
    for _ in range(400):
        s = Named(cell.step(w, torch.full((1, 1, 1), 0.7, dtype=torch.float64), s))
    torch.testing.assert_close(s.m[0, 0], torch.tensor([0.7, 0, 0, 0]).double(), atol=1e-6, rtol=0)


def test_s5_as_a_sum_over_powers() -> None:
    def reference(p: Weights, x: Tensor) -> Tensor:
        rate, dt = torch.complex(-torch.exp(p.alpha), p.omega), torch.exp(p.dt)
        u = (x + 0j) @ torch.complex(p.b_re, p.b_im) * torch.expm1(rate * dt) / rate
        states = decayed((rate * dt).expand_as(u), u)
        return 2 * (states @ torch.complex(p.c_re, p.c_im)).real + x @ p.d

    compare(S5(), reference)


def test_s5_starts_with_the_eigenvalues_of_hippos_normal_part() -> None:
    states = 8
    n = np.arange(states)
    root = np.sqrt(1 + 2 * n)
    whole = -(np.tril(np.outer(root, root)) - np.diag(n))  # HiPPO-LegS, as in the paper's appendix
    low = np.sqrt(n + 0.5)
    normal = whole + np.outer(low, low)
    omega, vectors = hippo(states // 2)
    np.testing.assert_allclose(normal @ vectors, vectors * (-0.5 + 1j * omega), atol=1e-12)
    found = np.linalg.eigvals(normal).imag
    np.testing.assert_allclose(np.sort(found[found > 0]), omega)
