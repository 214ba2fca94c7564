"""How many threads work at once: the compiled kernels use all that torch has, torch's own small operations one.

A torch operation on a few thousand numbers is over before a second thread has begun; several threads make it slower,
and where cores are shared much slower. A scan keeps every core busy.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

import torch

_kernels: ContextVar[int | None] = ContextVar("threads of kernels", default=None)


def kernel_threads() -> int:
    """The threads that a kernel uses: torch's number, as it was before `torch_on_one_thread`."""
    return _kernels.get() or torch.get_num_threads()


@contextmanager
def torch_on_one_thread() -> Iterator[None]:
    """Within the block torch computes on one thread, and kernels on as many as torch had before."""
    before = torch.get_num_threads()
    outer = _kernels.set(kernel_threads())
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)
        _kernels.reset(outer)
