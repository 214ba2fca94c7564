"""Closed forms of products of random matrices against products of random matrices."""

from __future__ import annotations

import numpy as np
import pytest

from harness.theory.linear import largest_singular_value, log_norm, lyapunov_exponents, power_moment


def drawn(rng: np.random.Generator, size: int) -> np.ndarray:
    return rng.standard_normal((size, size)) / np.sqrt(size)


def test_the_logarithm_of_a_norm_has_the_mean_and_the_spread_of_independent_products() -> None:
    rng, size, lag = np.random.default_rng(0), 6, 10
    v = np.zeros((3000, size))
    v[:, 0] = 1
    for _ in range(lag):
        v = np.einsum("bi,bij->bj", v, 0.8 * rng.standard_normal((3000, size, size)) / np.sqrt(size))
    logs = np.log(np.linalg.norm(v, axis=1))
    mean, spread = log_norm(0.8, size, lag)
    assert logs.mean() == pytest.approx(mean, abs=4 * spread / np.sqrt(3000))
    assert logs.std() == pytest.approx(spread, rel=0.05)


def test_powers_of_one_large_matrix_spread_as_independent_products_do() -> None:
    size, lag = 60, 4
    logs = []
    for seed in range(300):
        v, w = np.eye(size)[0], 1.1 * drawn(np.random.default_rng(seed), size)
        for _ in range(lag):
            v = v @ w
        logs.append(np.log(np.linalg.norm(v)))
    mean, spread = log_norm(1.1, size, lag)
    assert np.mean(logs) == pytest.approx(mean, abs=0.03)
    assert np.std(logs) == pytest.approx(spread, rel=0.15)


def test_singular_values_of_powers_have_the_moments_and_the_edge_of_many_units() -> None:
    w = drawn(np.random.default_rng(1), 400)
    for lag in (1, 2, 3):
        values = np.linalg.svd(np.linalg.matrix_power(w, lag), compute_uv=False)
        for order in (1, 2):
            assert np.mean(values ** (2 * order)) == pytest.approx(power_moment(lag, order), rel=0.08)
        assert values[0] == pytest.approx(largest_singular_value(lag), rel=0.06)
    assert largest_singular_value(1) == pytest.approx(2)


def test_singular_values_of_long_products_grow_at_their_exponents() -> None:
    rng, size, steps = np.random.default_rng(2), 4, 4000
    q, logs = np.eye(size), np.zeros(size)
    for _ in range(steps):
        q, r = np.linalg.qr(0.9 * drawn(rng, size) @ q)
        logs += np.log(np.abs(np.diag(r)))
    np.testing.assert_allclose(logs / steps, lyapunov_exponents(0.9, size), atol=0.04)
    assert lyapunov_exponents(0.9, size)[0] == pytest.approx(log_norm(0.9, size, 1)[0])
