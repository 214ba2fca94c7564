"""Torch's operations, on (batch, units), in the words of `harness.cells.functions`."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from harness.cells import functions as f


def _same(x: Any, *_: Any, **__: Any) -> Any:
    return x


def _add(x: Any, y: Any, alpha: float = 1) -> Any:
    return x + _times(alpha, y)


def _subtract(x: Any, y: Any, alpha: float = 1) -> Any:
    return x - _times(alpha, y)


def _add_product(added: Any, x: Any, matrix: Any, beta: float = 1, alpha: float = 1) -> Any:
    return _times(beta, added) + _times(alpha, x @ matrix)


def _times(factor: float, x: Any) -> Any:
    return x if factor == 1 else factor * x


def _softplus(x: Any, beta: float = 1, threshold: float = 20) -> Any:
    return f.where(beta * x > threshold, x, f.softplus(beta * x) / beta)


def _clamp(x: Any, low: float | None = None, high: float | None = None) -> Any:
    return f.clamp(x, -math.inf if low is None else low, math.inf if high is None else high)


def _elu(x: Any, alpha: float = 1, scale: float = 1, input_scale: float = 1) -> Any:
    return scale * f.where(x > 0, x, alpha * (f.exp(input_scale * f.where(x < 0, x, 0.0)) - 1))


def _gelu(x: Any, approximate: str = "none") -> Any:
    if approximate != "tanh":
        raise NotImplementedError("torch.gelu without approximate='tanh'")
    return f.gelu(x)


def _split(x: Any, sizes: int | Sequence[int], dim: int = 0) -> Any:
    return x.split(sizes, dim=-1)


def _slice(x: Any, dim: int = 0, start: int | None = None, end: int | None = None, step: int = 1) -> Any:
    return x[..., slice(start, end, step)]


def _sum(x: Any, *over: Any) -> Any:
    return f.total(x)


def _mean(x: Any, *over: Any) -> Any:
    return f.mean(x)


def _layer_norm(x: Any, shape: Sequence[int], gain: Any, bias: Any, epsilon: float) -> tuple[Any, ...]:
    found = f.normalised(x, epsilon)
    found = found if gain is None else found * gain
    return found if bias is None else found + bias, None, None


OPERATIONS: Mapping[str, Callable[..., Any]] = {
    "add": _add,
    "sub": _subtract,
    "rsub": lambda x, y, alpha=1: _subtract(y, x, alpha),
    "mul": lambda x, y: x * y,
    "div": lambda x, y: x / y,
    "neg": lambda x: -x,
    "reciprocal": lambda x: 1 / x,
    "pow": lambda x, power: x**power,
    "mm": lambda x, matrix: x @ matrix,
    "addmm": _add_product,
    "sigmoid": f.sigmoid,
    "tanh": f.tanh,
    "relu": f.relu,
    "exp": f.exp,
    "log": f.log,
    "log1p": lambda x: x.log1p(),
    "sqrt": f.sqrt,
    "sin": f.sin,
    "cos": f.cos,
    "abs": f.absolute,
    "silu": f.silu,
    "gelu": _gelu,
    "softplus": _softplus,
    "leaky_relu": f.leaky_relu,
    "elu": _elu,
    "hardsigmoid": lambda x: f.clamp(x / 6 + 0.5, 0.0, 1.0),
    "hardtanh": lambda x, low=-1, high=1: f.clamp(x, low, high),
    "clamp": _clamp,
    "maximum": f.maximum,
    "minimum": f.minimum,
    "gt": lambda x, y: x > y,
    "lt": lambda x, y: x < y,
    "where": f.where,
    "_softmax": lambda x, dim, half_to_float: f.softmax(x),
    "native_layer_norm": _layer_norm,
    "sum": _sum,
    "mean": _mean,
    "cat": lambda vectors, dim=0: f.join(*vectors),
    "split": _split,
    "unsafe_split": _split,
    "split_with_sizes": _split,
    "slice": _slice,
    "detach": lambda x: x.detach(),
    "clone": _same,
    "view": _same,
    "copy": lambda to, x, non_blocking=False: x,
}
"""By name. What they take for granted (sums go over units, shapes stay) is tried: see `harness.cells._equations`."""

MATRICES = {"mm": 1, "addmm": 2}
"""The places of the arguments that are matrices, and no vectors of units."""
