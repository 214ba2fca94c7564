from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import Field

from harness.cells.base import Cell, Parameter, State, Weights
from harness.cells.functions import tanh
from harness.cells.gating import gates

if TYPE_CHECKING:
    from torch import Tensor


class Jordan(Cell):
    """Jordan network: what comes back is not the hidden layer, as in an Elman network, but a trace of the output.

        z_t = tanh(x_t · W_xz + s_{t-1} · W_hz + b_z)
        y_t = tanh(z_t · W_zy + b_y)
        s_t = decay * s_{t-1} + y_t

    The readout and the next layer see y. Both matrices, W_hz and W_zy, lie on the way from step to step and start from
    `init` and `weight_scale`: with decay = 0 the gradient has their product as its factor.

    Source: Jordan, "Serial order: a parallel distributed processing approach", ICS report 8604, University of
    California, San Diego, 1986: the state units' recurrent weight is the decay. Differences: tanh for the
    logistic function; as many outputs as hidden units, with a linear readout for the task behind them.
    """

    name = "jordan"
    family = "classic"
    parts = ("y", "s")
    memory = "y"  # s_t is read by later steps alone: at the step of an answer its gradient is 0

    decay: float = Field(0.5, ge=0, lt=1, description="share of the trace of earlier outputs that a step keeps")

    def parameters(self, input_size: int, hidden_size: int) -> dict[str, Parameter]:
        return gates("z", input_size=input_size, hidden_size=hidden_size) | {
            "z_y": Parameter((hidden_size, hidden_size), "recurrent"),
            "b_y": Parameter((hidden_size,), "constant"),
        }

    def step(self, w: Weights, x: Tensor, s: State) -> dict[str, Tensor]:
        z = tanh(x @ w.x_z + s.s @ w.h_z + w.b_z)
        y = tanh(z @ w.z_y + w.b_y)
        return {"y": y, "s": self.decay * s.s + y}

    def output(self, w: Weights, x: Tensor, s: State) -> Tensor:
        return s.y
