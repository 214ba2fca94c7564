from __future__ import annotations

from typing import TYPE_CHECKING

from harness.cells.base import HandDerivative, PointwiseCell, State

if TYPE_CHECKING:
    from torch import Tensor


class ReLURNN(PointwiseCell, HandDerivative):
    """Simple recurrent network with ReLU: no saturation, so nothing but W_h bounds the state.

        h_t = max(0, x_t · W_x + h_{t-1} · W_h + b)

    With ``init=identity weight_scale=1.0`` it is the IRNN, but for weights other than W_h: those of the IRNN start
    smaller, normal with a standard deviation of 0.001.

    Source: Le, Jaitly, Hinton, "A simple way to initialize recurrent networks of rectified linear units",
    arXiv:1504.00941, 2015.
    """

    name = "rnn_relu"
    gates = ("h",)

    def step(self, pre: Tensor, state: State) -> State:
        return {"h": pre.relu()}

    def forward_(self, pre: Tensor, state: State, new: State) -> None:
        import torch

        torch.clamp(pre, min=0, out=new["h"])

    def backward_(self, act: Tensor, state: State, new: State, grad: State) -> None:
        # A mask, not a product: an infinite gradient stays infinite where the unit is on, 0 where it is off.
        act.copy_(grad["h"]).masked_fill_(new["h"] <= 0, 0)
        grad["h"].zero_()
