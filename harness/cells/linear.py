from __future__ import annotations

from typing import TYPE_CHECKING

from harness.cells.base import HandDerivative, PointwiseCell, State

if TYPE_CHECKING:
    from torch import Tensor


class Linear(PointwiseCell, HandDerivative):
    """Linear recurrence without bias: the error is multiplied by W_h at every step and by nothing else.

        h_t = x_t · W_x + h_{t-1} · W_h

    With ``hidden_size=1 init=identity`` it is the scalar w of the textbooks: the gradient at step t is
    w^(T-t) times the gradient at T.

    Source: Pascanu, Mikolov, Bengio, "On the difficulty of training recurrent neural networks", ICML 2013,
    section 2.1.
    """

    name = "linear"
    gates = ("h",)
    bias = False

    def step(self, pre: Tensor, state: State) -> State:
        return {"h": pre}

    def forward_(self, pre: Tensor, state: State, new: State) -> None:
        new["h"].copy_(pre)

    def backward_(self, act: Tensor, state: State, new: State, grad: State) -> None:
        act.copy_(grad["h"])
        grad["h"].zero_()
