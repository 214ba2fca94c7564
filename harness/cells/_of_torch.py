"""The cells of `torch.nn`, which are one operation each that `torch.vmap` does not know, as equations that it knows."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import linear
from torch.overrides import TorchFunctionMode


def _rnn(function: Callable[[Tensor], Tensor]) -> Callable[..., Tensor]:
    def step(x: Tensor, h: Tensor, w_x: Tensor, w_h: Tensor, b_x: Any = None, b_h: Any = None) -> Tensor:
        return function(linear(x, w_x, b_x) + linear(h, w_h, b_h))

    return step


def _gru(x: Tensor, h: Tensor, w_x: Tensor, w_h: Tensor, b_x: Any = None, b_h: Any = None) -> Tensor:
    x_r, x_z, x_n = linear(x, w_x, b_x).chunk(3, dim=-1)
    h_r, h_z, h_n = linear(h, w_h, b_h).chunk(3, dim=-1)
    n = torch.tanh(x_n + torch.sigmoid(x_r + h_r) * h_n)
    return n + torch.sigmoid(x_z + h_z) * (h - n)


def _lstm(
    x: Tensor, state: tuple[Tensor, Tensor], w_x: Tensor, w_h: Tensor, b_x: Any = None, b_h: Any = None
) -> tuple[Tensor, Tensor]:
    h, c = state
    i, f, g, o = (linear(x, w_x, b_x) + linear(h, w_h, b_h)).chunk(4, dim=-1)
    c = torch.sigmoid(f) * c + torch.sigmoid(i) * torch.tanh(g)
    return torch.sigmoid(o) * torch.tanh(c), c


EQUATIONS: Mapping[str, Callable[..., Any]] = {
    "rnn_tanh_cell": _rnn(torch.tanh),
    "rnn_relu_cell": _rnn(torch.relu),
    "gru_cell": _gru,
    "lstm_cell": _lstm,
}
"""By the names of torch's operations, whose arguments these take."""


class AsEquations(TorchFunctionMode):
    """A context in which torch's operations for whole cells are carried out as equations."""

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        return EQUATIONS.get(getattr(func, "__name__", ""), func)(*args, **(kwargs or {}))
