"""Small matrices are computed on one thread, whatever the process has."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
import scipy.linalg  # noqa: F401  # its library is to be there
import torch
from threadpoolctl import threadpool_info, threadpool_limits

from harness.measure import products
from harness.measure.one_thread import linear_algebra_on_one_thread
from harness.probes import memory
from tests.helpers.moments import moment
from tests.helpers.plugins import CHEAP


def threads() -> set[int]:
    return {each["num_threads"] for each in threadpool_info() if each["user_api"] == "blas"}


@pytest.fixture(autouse=True)
def three() -> Iterator[None]:
    with threadpool_limits(3, user_api="blas"):
        yield


def test_within_the_block_there_is_one_and_afterwards_what_was_before() -> None:
    assert threads() == {3}
    with linear_algebra_on_one_thread():
        assert threads() == {1}
    assert threads() == {3}
    with pytest.raises(RuntimeError, match="over"), linear_algebra_on_one_thread():
        raise RuntimeError("over")
    assert threads() == {3}


def test_fits_and_decompositions_of_small_matrices_have_one(monkeypatch: pytest.MonkeyPatch) -> None:
    found: list[set[int]] = []

    def watched(plain: Callable[..., Any]) -> Callable[..., Any]:
        def call(*given: Any) -> Any:
            found.append(threads())
            return plain(*given)

        return call

    monkeypatch.setattr(memory, "told", watched(memory.told))
    with torch.no_grad():
        memory.Memory(**CHEAP["memory"]).measure(moment())
    assert found
    assert all(each == {1} for each in found)
    found.clear()
    monkeypatch.setattr(products, "_graded_svd", watched(products._graded_svd))
    products.LongProduct(torch.ones(2, 3)).svd()
    assert found == [{1}, {1}]
