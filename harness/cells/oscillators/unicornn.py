from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import Field

from harness.cells.base import Cell, Parameter, State, Weights
from harness.cells.functions import sigmoid, tanh

if TYPE_CHECKING:
    from torch import Tensor


class UnICORNN(Cell):
    """Undamped independent oscillators: each unit is a spring of its own that keeps its energy and sets its own pace.

        pace = dt * sigmoid(b_pace)
        v_t  = v_{t-1} - pace * (tanh(x_t · W_x + w * h_{t-1} + b) + alpha h_{t-1})
        h_t  = h_{t-1} + pace * v_t

    Source: Rusch, Mishra, "UnICORNN: a recurrent model for learning very long time dependencies", ICML 2021, section
    2, one layer; theirs are y and z for h and v, and c for b_pace, whose 0.5 + 0.5 tanh(c / 2) is the sigmoid.
    Their w starts uniform between 0 and 1, and theirs is a residual sum of layers where there are many.
    """

    name = "unicornn"
    family = "oscillators"
    parts = ("h", "v")

    dt: float = Field(0.2, gt=0, description="longest time between steps; smaller changes the state more slowly")
    alpha: float = Field(0.0, ge=0, description="stiffness of the springs besides what is learned")

    def parameters(self, input_size: int, hidden_size: int) -> dict[str, Parameter]:
        return {
            "input": Parameter((input_size, hidden_size), "dense"),
            "recurrent": Parameter((hidden_size,), "recurrent"),
            "bias": Parameter((hidden_size,), "constant"),
            "pace": Parameter((hidden_size,), "drawn", draw=lambda rng: rng.uniform(-0.1, 0.1, hidden_size)),
        }

    def keeps(self, w: Weights, x: Tensor, s: State, hidden_size: int) -> Tensor | None:
        return None  # units swing

    def step(self, w: Weights, x: Tensor, s: State) -> dict[str, Tensor]:
        pace = self.dt * sigmoid(w.pace)
        v = s.v - pace * (tanh(x @ w.input + w.recurrent * s.h + w.bias) + self.alpha * s.h)
        return {"h": s.h + pace * v, "v": v}
