from __future__ import annotations

from typing import TYPE_CHECKING

from harness.cells.base import HandDerivative, PointwiseCell, State

if TYPE_CHECKING:
    from torch import Tensor


class RNN(PointwiseCell, HandDerivative):
    """Simple recurrent network with tanh: the ordinary RNN that forgets.

        h_t = tanh(x_t · W_x + h_{t-1} · W_h + b)

    Source: Elman, "Finding structure in time", Cognitive Science 14, 1990; `torch.nn.RNN`.
    """

    name = "rnn"
    gates = ("h",)

    def step(self, pre: Tensor, state: State) -> State:
        return {"h": pre.tanh()}

    def forward_(self, pre: Tensor, state: State, new: State) -> None:
        import torch

        torch.tanh(pre, out=new["h"])

    def backward_(self, act: Tensor, state: State, new: State, grad: State) -> None:
        import torch

        torch.mul(new["h"], new["h"], out=act)
        act.neg_().add_(1).mul_(grad["h"])
        grad["h"].zero_()
