"""Cells with constrained recurrent matrices, against geotorch, LAPACK, complex numbers and their papers' equations."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import scipy.linalg
import torch
from torch import Tensor

from harness.cells.constrained.cayley_rnn import CayleyRNN
from harness.cells.constrained.exp_rnn import ExpRNN
from harness.cells.constrained.lipschitz import Lipschitz
from harness.cells.constrained.spectral_rnn import SpectralRNN
from harness.cells.constrained.unitary_rnn import UnitaryRNN
from harness.engine.network import Network
from harness.engine.weights import Architecture, MemberInit
from tests.helpers.references import SIZE, compare

CELLS = [CayleyRNN(), ExpRNN(), Lipschitz(), SpectralRNN(), UnitaryRNN()]


def network_of(cell: Any, scale: float = 1.0, members: int = 1, size: int = 12) -> Network:
    inits = [MemberInit(cell, seed, "gaussian", scale) for seed in range(members)]
    return Network.create(Architecture(cell, 2, size, 1, 2), inits, torch.float64, "cpu")


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("cell", CELLS, ids=lambda cell: cell.name)
def test_numbers_are_the_same_to_the_bit_alone_and_in_company(cell: Any, dtype: torch.dtype) -> None:
    together = network_of(cell, members=5, size=32).to(dtype)
    x = torch.randn(5, 9, 7, 2, generator=torch.Generator().manual_seed(0)).to(dtype)

    def gradients(network: Network, x: Tensor) -> Tensor:
        grad = torch.empty_like(network.flat)
        network.gradients(x, [9], lambda outputs: outputs.square().sum((2, 3)), grad)
        return grad

    found = gradients(together, x)
    for members in ([0], [3], [1, 4]):
        alone = together.only(members)
        for name, value in alone.layer(1).items():
            assert together.layer(1)[name][members].equal(value), name
        assert found[members].equal(gradients(alone, x[members]))


def modrelu(z: Tensor, bias: Tensor) -> Tensor:
    return torch.sign(z) * torch.relu(torch.abs(z) + bias)


def orthogonal(w: Any, x: Tensor, matrix: Tensor) -> list[Tensor]:
    h, found = x.new_zeros(x.shape[1], SIZE), []
    for each in x:
        h = modrelu(each @ w.input + h @ matrix, w.bias)
        found.append(h)
    return found


def test_exp_rnn_is_the_exponential_of_geotorch() -> None:
    pytest.importorskip("geotorch")
    from geotorch.so import SO

    group = SO((SIZE, SIZE), triv="expm", lower=True).double()
    group.base.copy_(torch.eye(SIZE))
    compare(ExpRNN(), lambda w, x: orthogonal(w, x, group(w.recurrent)))


@pytest.mark.parametrize("negative", [0.0, 0.5])
def test_cayley_rnn_is_the_cayley_map_of_geotorch(negative: float) -> None:
    pytest.importorskip("geotorch")
    from geotorch.skew import Skew
    from geotorch.so import cayley_map

    signs = torch.diag(torch.tensor([-1.0] * int(negative * SIZE) + [1.0] * (SIZE - int(negative * SIZE))).double())

    def sequence(w: Any, x: Tensor) -> list[Tensor]:
        # geotorch's map is (I - X/2)^-1 (I + X/2)
        return orthogonal(w, x, cayley_map(-2 * Skew.frame(w.recurrent, lower=True)) @ signs)

    compare(CayleyRNN(negative=negative), sequence)


@pytest.mark.parametrize("cell", [ExpRNN(), CayleyRNN(), UnitaryRNN()], ids=lambda cell: cell.name)
@pytest.mark.parametrize("scale", [0.1, 1.0, 3.0])
def test_the_gradient_keeps_its_norm_while_all_units_are_on(cell: Any, scale: float) -> None:
    network = network_of(cell, scale)
    x = torch.randn(1, 30, 3, 2, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    keep = network.step_gradients(x)
    network.gradients(x, [30], lambda outputs: outputs.sum((2, 3)), torch.empty_like(network.flat), keep)
    norms = keep[1].norms["h"]
    torch.testing.assert_close(norms, norms[:, -1:].expand_as(norms))


@pytest.mark.parametrize("reflections", [1, 3, SIZE])
def test_spectral_rnn_is_the_product_of_reflections_of_lapack(reflections: int) -> None:
    """Products compared once with the authors' svd_ops.py (zhangjiong724/spectral-RNN, c15407a), in numpy: to 2e-15."""

    def product(vectors: Tensor) -> Tensor:
        """R_1 · R_2 · …, by the routine for what a QR decomposition leaves: columns with a diagonal of 1."""
        heads = torch.diagonal(vectors)
        columns = (vectors / heads[:, None]).triu().T
        return torch.linalg.householder_product(
            torch.cat([columns, columns.new_zeros(SIZE, SIZE - reflections)], 1), 2 / columns.square().sum(0)
        )

    def sequence(w: Any, x: Tensor) -> list[Tensor]:
        sigma = 1 + 2 * 0.2 * (torch.sigmoid(w.recurrent) - 0.5)
        matrix = product(w.left) @ torch.diag(sigma) @ product(w.right).T
        h, found = x.new_zeros(x.shape[1], SIZE), []
        for each in x:
            h = torch.tanh(each @ w.input + h @ matrix + w.bias)
            found.append(h)
        return found

    compare(SpectralRNN(margin=0.2, reflections=reflections), sequence)


@pytest.mark.parametrize("scale", [0.5, 20.0])
def test_singular_values_stay_within_their_margin(scale: float) -> None:
    network = network_of(SpectralRNN(margin=0.05), scale)
    values = torch.linalg.svdvals(network.layer(1)["recurrent"][0])
    assert values.min() >= 0.95 - 1e-12
    assert values.max() <= 1.05 + 1e-12
    assert values.max() - values.min() > 0.01


def test_lipschitz_rnn_is_eulers_method_for_the_papers_equation() -> None:
    """Compared once with the authors' ``RnnModels`` (erichson/LipschitzRNN, models.py, df6552e): to 1e-15.

    rnn-jax 0.0.2 subtracts γ where the paper subtracts γ times the state.
    """
    beta, gamma, step = 0.7, 0.02, 0.1

    def sequence(w: Any, x: Tensor) -> list[Tensor]:
        def stable(m: Tensor) -> Tensor:
            symmetric, skew = m + m.T, m - m.T
            return beta * skew + (1 - beta) * symmetric - torch.diag(torch.full((SIZE,), gamma, dtype=m.dtype))

        h, found = x.new_zeros(x.shape[1], SIZE), []
        for each in x:
            slope = h @ stable(w.linear) + torch.tanh(h @ stable(w.recurrent) + each @ w.input + w.bias)
            h = h + step * slope
            found.append(h)
        return found

    compare(Lipschitz(beta=beta, gamma=gamma, step_size=step), sequence)


def test_unitary_rnn_is_the_papers_product_of_complex_matrices() -> None:
    """Compared once with ``URNNCell`` (rand0musername/urnn, models/urnn_cell.py, f5563b4), in torch: to 4e-14.

    rnn-jax 0.0.2 reflects with |v| for |v|², without a conjugate, and 1 for the state: its matrix is not unitary.
    """

    def sequence(w: Any, x: Tensor) -> list[Tensor]:
        fourier = torch.from_numpy(scipy.linalg.dft(SIZE, scale="sqrtn"))
        permutation = torch.eye(SIZE, dtype=torch.complex128)[w.order.argsort()]
        turns = [torch.diag(torch.polar(torch.ones_like(a), a)) for a in w.angles.split(SIZE)]
        parts = w.mirrors.split(SIZE)
        mirrors = []
        for real, imaginary in (parts[:2], parts[2:]):
            v = torch.complex(real, imaginary)
            outer = torch.outer(v, v.conj()) / torch.vdot(v, v).real
            mirrors.append(torch.eye(SIZE, dtype=v.dtype) - 2 * outer)
        matrix = turns[2] @ mirrors[1] @ fourier.conj().T @ turns[1] @ permutation @ mirrors[0] @ fourier @ turns[0]
        torch.testing.assert_close(matrix @ matrix.conj().T, torch.eye(SIZE, dtype=matrix.dtype))
        h, found = torch.zeros(x.shape[1], SIZE, dtype=torch.complex128), []
        for each in x:
            z = h @ matrix.T + each.to(h.dtype) @ torch.complex(*w.input.chunk(2, dim=1))
            modulus = (z.real**2 + z.imag**2 + 1e-10).sqrt()
            h = z * (torch.relu(modulus + w.bias) / modulus)
            found.append(torch.cat([h.real, h.imag], 1))
        return found

    compare(UnitaryRNN(), sequence)


def test_a_unitary_rnn_that_hears_nothing_has_a_finite_gradient() -> None:
    network = network_of(UnitaryRNN())
    grad = torch.empty_like(network.flat)
    network.gradients(torch.zeros(1, 5, 2, 2, dtype=torch.float64), [5], lambda y: y.square().sum((2, 3)), grad)
    assert np.isfinite(grad.numpy()).all()
