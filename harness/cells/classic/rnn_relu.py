from __future__ import annotations

from typing import TYPE_CHECKING

from harness.cells.base import State, Weights
from harness.cells.classic.rnn import RNN
from harness.cells.functions import relu

if TYPE_CHECKING:
    from torch import Tensor


class ReLURNN(RNN):
    """Simple recurrent network with ReLU: no saturation, so nothing but W_h bounds the state.

        h_t = max(0, x_t · W_x + h_{t-1} · W_h + b)

    With ``init=identity weight_scale=1.0`` it is the IRNN, but for weights other than W_h: those of the IRNN start
    smaller, normal with a standard deviation of 0.001.

    Source: Le, Jaitly, Hinton, "A simple way to initialize recurrent networks of rectified linear units",
    arXiv:1504.00941, 2015.
    """

    name = "rnn_relu"
    colour = "#e0a100"
    nonlinearity = "relu"

    def step(self, w: Weights, x: Tensor, s: State) -> dict[str, Tensor]:
        return {"h": relu(x @ w.input + s.h @ w.recurrent + w.bias)}
