"""Reference implementations in packages of others: their plain PyTorch alone, in float64.

Around it lie kernels for GPUs, which the tests' machines cannot import, and conversions to float32.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import torch
from torch.overrides import TorchFunctionMode


def file_of(package: str, path: str) -> ModuleType:
    """A file of an installed package as a module, without importing the package; skips the test where it is missing."""
    found = importlib.util.find_spec(package)
    if found is None or not found.submodule_search_locations:
        pytest.skip(f"needs {package}, of the extra `references`")
    place = Path(next(iter(found.submodule_search_locations))) / path
    spec = importlib.util.spec_from_file_location(f"{package}_{place.stem}", place)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@contextmanager
def in_float64() -> Iterator[None]:
    """Within it, what would become float32 becomes float64."""
    before = torch.get_default_dtype()
    torch.set_default_dtype(torch.float64)
    try:
        with _Doubled():
            yield
    finally:
        torch.set_default_dtype(before)


class _Doubled(TorchFunctionMode):
    """Calls of torch with float64 wherever they name float32."""

    def __torch_function__(
        self, func: Callable[..., Any], types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        if func is torch.Tensor.float:
            func = torch.Tensor.double
        named = {key: doubled(value) for key, value in (kwargs or {}).items()}
        return func(*map(doubled, args), **named)


def doubled(value: Any) -> Any:
    return torch.float64 if value is torch.float32 else value
