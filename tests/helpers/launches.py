"""Counts what a GPU would be launched for, without one."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from torch.utils._python_dispatch import TorchDispatchMode

FREE = {
    "alias", "detach", "empty", "empty_like", "empty_strided", "expand", "new_empty", "permute", "select", "slice",
    "split", "squeeze", "t", "transpose", "unbind", "unsqueeze", "view", "_unsafe_view",
}  # fmt: skip
"""Operations of torch that compute nothing."""


class _Operations(TorchDispatchMode):
    def __init__(self, counts: Counter[str]):
        super().__init__()
        self.counts = counts

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        name = func._schema.name.removeprefix("aten::")
        if name not in FREE:
            self.counts[name.rstrip("_")] += 1
        return func(*args, **(kwargs or {}))


@contextmanager
def launches() -> Iterator[Counter[str]]:
    """How often each operation of torch, and each kernel of a stage, is launched within; kernels do not run."""
    counts: Counter[str] = Counter()

    def launch(kernel: Any, *given: Any) -> None:
        counts[kernel.__name__] += 1

    with pytest.MonkeyPatch.context() as patched, _Operations(counts):
        patched.setattr("harness.engine.scan.triton.stages.launch", launch)
        yield counts
