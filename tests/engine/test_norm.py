from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from harness.engine.scan.interface import norm

# Below 1e-150 the reference itself underflows.
finite = st.floats(-1e3, 1e3).map(lambda value: 0.0 if abs(value) < 1e-150 else value)


@given(arrays(np.float64, st.tuples(st.integers(1, 4), st.integers(1, 6)), elements=finite))
def test_norm_is_the_euclidean_norm(vectors: np.ndarray) -> None:
    np.testing.assert_allclose(norm(torch.from_numpy(vectors)), np.linalg.norm(vectors, axis=-1), rtol=1e-12)


@given(st.integers(-300, 300))
def test_norm_neither_overflows_nor_underflows(exponent: int) -> None:
    size = 10.0**exponent
    assert norm(torch.tensor([3 * size, 4 * size], dtype=torch.float64)).item() == pytest.approx(5 * size)


@pytest.mark.parametrize("size", [1e30, 1e-30, 1e-44])
def test_norm_of_single_precision_extremes_is_right(size: float) -> None:
    vector = torch.tensor([size, size], dtype=torch.float32)
    assert norm(vector).item() == pytest.approx(math.sqrt(2) * vector[0].double().item())


def test_norm_of_infinite_and_undefined_vectors_says_so() -> None:
    vectors = torch.tensor([[1.0, torch.inf], [-torch.inf, 2.0], [torch.nan, 1.0], [0.0, 0.0]])
    found = norm(vectors)
    assert found[0] == torch.inf
    assert found[1] == torch.inf
    assert found[2].isnan()
    assert found[3] == 0
