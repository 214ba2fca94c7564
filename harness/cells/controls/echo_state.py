from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import Field

from harness.cells.base import Cell, Parameter, State, Weights
from harness.cells.functions import tanh

if TYPE_CHECKING:
    from torch import Tensor


class EchoState(Cell):
    """Echo state network: a leaky RNN that stays as it was drawn; only the readout learns.

        h_t = (1 - leak) * h_{t-1} + leak * tanh(x_t · W_x + h_{t-1} · W_h + b)

    What it remembers is what a recurrence remembers without training: the control of every cell that trains.
    `weight_scale` is about its spectral radius (with init=gaussian or orthogonal).

    Source: Jaeger, "The 'echo state' approach to analysing and training recurrent neural networks", GMD report 148,
    2001; leaking: Jaeger, Lukosevicius, Popovici, Siewert, Neural Networks 20(3), 2007. Differences: the
    readout learns by gradient descent with everything else of a run, not by linear regression; it does not see the
    input, and is not fed back; matrices are dense.
    """

    name = "echo_state"
    family = "controls"

    leak: float = Field(1.0, gt=0, le=1, description="share of the state that a step replaces")

    def parameters(self, input_size: int, hidden_size: int) -> dict[str, Parameter]:
        return {
            "input": Parameter((input_size, hidden_size), "dense", trained=False),
            "recurrent": Parameter((hidden_size, hidden_size), "recurrent", trained=False),
            "bias": Parameter((hidden_size,), "constant", trained=False),
        }

    def keeps(self, w: Weights, x: Tensor, s: State, hidden_size: int) -> Tensor | None:
        return x.new_full((len(x), 1, 1), 1 - self.leak)

    def step(self, w: Weights, x: Tensor, s: State) -> dict[str, Tensor]:
        new = tanh(x @ w.input + s.h @ w.recurrent + w.bias)
        return {"h": (1 - self.leak) * s.h + self.leak * new}
