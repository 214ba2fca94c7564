"""Linear algebra of numpy and scipy on one thread.

Their libraries share even the smallest product among all cores, and threads that wait for each other take many times as
long as the product itself, many times more where other processes want the cores, too.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any


@contextmanager
def linear_algebra_on_one_thread() -> Iterator[None]:
    """Within the block numpy and scipy compute on one thread."""
    with _libraries().limit(limits=1, user_api="blas"):
        yield


@cache
def _libraries() -> Any:
    """The libraries that are loaded, found once."""
    import scipy.linalg  # noqa: F401  # it has one of its own, which must be there to be found
    from threadpoolctl import ThreadpoolController

    return ThreadpoolController()
