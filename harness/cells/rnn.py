from typing import ClassVar

import torch
from torch import Tensor

from harness.cells.base import HandDerivative, PointwiseCell, State


class RNN(PointwiseCell, HandDerivative):
    """Simple recurrent network with tanh: the ordinary RNN that forgets.

        h_t = tanh(x_t · W_x + h_{t-1} · W_h + b)

    Source: Elman, "Finding structure in time", Cognitive Science 14, 1990; `torch.nn.RNN`.
    """

    name: ClassVar[str] = "rnn"
    gates: ClassVar[tuple[str, ...]] = ("h",)

    def step(self, pre: Tensor, state: State) -> State:
        return {"h": pre.tanh()}

    def forward_(self, pre: Tensor, state: State, new: State) -> None:
        torch.tanh(pre, out=new["h"])

    def backward_(self, act: Tensor, state: State, new: State, grad: State) -> None:
        torch.mul(new["h"], new["h"], out=act)
        act.neg_().add_(1).mul_(grad["h"])
        grad["h"].zero_()
