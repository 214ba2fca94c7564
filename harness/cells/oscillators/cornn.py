from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import Field

from harness.cells.base import Cell, Parameter, State, Weights
from harness.cells.functions import tanh

if TYPE_CHECKING:
    from torch import Tensor


class CoRNN(Cell):
    """Coupled oscillatory network: units are damped springs that push each other; gradients neither vanish nor explode.

        v_t = v_{t-1} + dt * (tanh(x_t · W_x + h_{t-1} · W_h + v_{t-1} · W_v + b) - gamma h_{t-1} - epsilon v_{t-1})
        h_t = h_{t-1} + dt * v_t

    Source: Rusch, Mishra, "Coupled oscillatory recurrent neural network (coRNN): an accurate and (gradient) stable
    architecture for learning long time dependencies", ICLR 2021, section 2, with explicit damping, as in the authors'
    code. Theirs are y and z for h and v. They choose dt, gamma and epsilon by task: 0.042, 2.7 and 4.7 for sequential
    MNIST.
    """

    name = "cornn"
    family = "oscillators"
    parts = ("h", "v")

    dt: float = Field(0.1, gt=0, lt=1, description="time between steps; smaller changes the state more slowly")
    gamma: float = Field(1.0, ge=0, description="stiffness of the springs: the square of their frequency")
    epsilon: float = Field(1.0, ge=0, description="damping of the velocity")

    def parameters(self, input_size: int, hidden_size: int) -> dict[str, Parameter]:
        return {
            "input": Parameter((input_size, hidden_size), "dense"),
            "position": Parameter((hidden_size, hidden_size), "recurrent"),
            "velocity": Parameter((hidden_size, hidden_size), "recurrent"),
            "bias": Parameter((hidden_size,), "constant"),
        }

    def step(self, w: Weights, x: Tensor, s: State) -> dict[str, Tensor]:
        force = tanh(x @ w.input + s.h @ w.position + s.v @ w.velocity + w.bias)
        v = s.v + self.dt * (force - self.gamma * s.h - self.epsilon * s.v)
        return {"h": s.h + self.dt * v, "v": v}
