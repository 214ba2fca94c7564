from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from pydantic import Field

from harness.cells.base import Cell, Parameter, State, Weights
from harness.cells.functions import relu, tanh

if TYPE_CHECKING:
    from torch import Tensor


class IndRNN(Cell):
    """Independently recurrent network: a unit sees no other unit's past, so that its factor per step is one number.

        h_t = relu(x_t · W + u * h_{t-1} + b)

    Units mix in the layer above. Source: Li, Li, Cook, Zhu, Gao, "Independently recurrent neural network (IndRNN):
    building a longer and deeper RNN", CVPR 2018, section 3; u is drawn as the diagonal of what ``init`` says, in the
    paper from [0, 1] or near 1, and it is not clipped. The default of torchrecurrent is tanh.
    """

    name = "ind_rnn"
    family = "constrained"

    activation: Literal["relu", "tanh"] = Field("relu", description="function of the units")

    def parameters(self, input_size: int, hidden_size: int) -> dict[str, Parameter]:
        return {
            "input": Parameter((input_size, hidden_size), "dense"),
            "recurrent": Parameter((hidden_size,), "recurrent"),
            "bias": Parameter((hidden_size,), "constant"),
        }

    def step(self, w: Weights, x: Tensor, s: State) -> dict[str, Tensor]:
        function = relu if self.activation == "relu" else tanh
        return {"h": function(x @ w.input + w.recurrent * s.h + w.bias)}
