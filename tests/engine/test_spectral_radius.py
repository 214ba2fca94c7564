"""The largest eigenvalue as a GPU computes it, against the eigenvalues themselves."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from harness.engine.network import Network
from harness.engine.weights import radius_by_squaring
from tests.engine.test_engine import make_network
from tests.helpers.far_device import FAR, far_device

EXACT = {"rtol": 1e-12, "atol": 0.0}


def drawn(*shape: int) -> torch.Tensor:
    return torch.from_numpy(np.random.default_rng(0).standard_normal(shape))


@pytest.mark.parametrize("scale", [1e-150, 1e-3, 1.0, 1e150])
def test_of_random_matrices_it_is_that_of_the_eigenvalues(scale: float) -> None:
    matrices = scale * drawn(5, 20, 20)
    truth = np.abs(np.linalg.eigvals(matrices.numpy())).max(axis=1)
    np.testing.assert_allclose(radius_by_squaring(matrices), truth, **EXACT)


def test_of_complex_and_of_orthogonal_matrices_too() -> None:
    mixed = torch.complex(drawn(3, 8, 8), drawn(3, 8, 8).flip(0))
    np.testing.assert_allclose(radius_by_squaring(mixed), np.abs(np.linalg.eigvals(mixed.numpy())).max(axis=1), **EXACT)
    q = torch.linalg.qr(drawn(3, 30, 30)).Q
    np.testing.assert_allclose(radius_by_squaring(0.9 * q), [0.9] * 3, **EXACT)


def test_where_powers_grow_long_before_they_shrink() -> None:
    """Triangular: eigenvalues stand on the diagonal, whatever is above it; and a single one that is there n times."""
    above = 100 * drawn(1, 12, 12).triu(1)
    spread = above + torch.diag(torch.linspace(0.1, 0.8, 12, dtype=torch.float64))
    block = torch.diag(torch.full((6,), 0.5)).double() + torch.diag(torch.ones(5), 1).double()
    np.testing.assert_allclose(radius_by_squaring(spread), [0.8], **EXACT)
    np.testing.assert_allclose(radius_by_squaring(block[None]), [0.5], **EXACT)
    assert radius_by_squaring(torch.stack([above[0], torch.zeros(12, 12).double()])).tolist() == [0, 0]


def test_networks_on_a_device_get_the_numbers_of_the_cpu_without_eigenvalues(monkeypatch: pytest.MonkeyPatch) -> None:
    network = make_network("rnn", members=4, features=3, hidden_size=5, layers=2, way="stepwise")
    network.flat[1] = torch.nan
    network.flat[2] = 0
    radius, bound = network.spectral_radius(), network.rate_bound().tolist()
    assert math.isnan(radius[1])
    assert bound[2] == -math.inf
    with far_device():
        far = Network(network.shape, network.flat.to(FAR), compiled=False)
        monkeypatch.setattr(torch.linalg, "eigvals", None)
        np.testing.assert_allclose(far.spectral_radius(), radius, **EXACT)
        np.testing.assert_allclose(far.rate_bound().tolist(), bound, **EXACT)
