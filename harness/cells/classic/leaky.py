from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import Field

from harness.cells.base import Cell, Parameter, State, Weights
from harness.cells.functions import tanh

if TYPE_CHECKING:
    from torch import Tensor


class Leaky(Cell):
    """Continuous-time RNN of leaky units: each step replaces a share of the state, so that gradients fade slowly.

        h_t = h_{t-1} + (1 / τ) * (tanh(x_t · W_x + h_{t-1} · W_h + b) - h_{t-1})

    It is the differential equation τ dh/dt = -h + tanh(x · W_x + h · W_h + b) of firing rates, in steps of Euler's
    of length 1; with τ = 1 it is the plain RNN. With W_h = 0 the gradient's factor per step is 1 - 1/τ.

    Source: Jaeger, Lukosevicius, Popovici, Siewert, "Optimization and applications of echo state networks with
    leaky-integrator neurons", Neural Networks 20(3), 2007: Euler's method for its differential equation, with a = 1 and
    δ/c = 1/τ. Other continuous-time RNNs apply the function before the product: Song, Yang, Wang, "Training
    excitatory-inhibitory recurrent neural networks for cognitive tasks", PLOS Computational Biology 12(2), 2016.
    """

    name = "leaky"
    family = "classic"

    time_constant: float = Field(10.0, ge=1, description="τ: over how many steps a unit forgets; 1 is a plain RNN")

    def parameters(self, input_size: int, hidden_size: int) -> dict[str, Parameter]:
        return {
            "input": Parameter((input_size, hidden_size), "dense"),
            "recurrent": Parameter((hidden_size, hidden_size), "recurrent"),
            "bias": Parameter((hidden_size,), "constant"),
        }

    def keeps(self, w: Weights, x: Tensor, s: State, hidden_size: int) -> Tensor | None:
        return x.new_full((len(x), 1, 1), 1 - 1 / self.time_constant)

    def step(self, w: Weights, x: Tensor, s: State) -> dict[str, Tensor]:
        new = tanh(x @ w.input + s.h @ w.recurrent + w.bias)
        return {"h": s.h + (1 / self.time_constant) * (new - s.h)}
