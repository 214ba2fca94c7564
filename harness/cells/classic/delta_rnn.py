from __future__ import annotations

from typing import TYPE_CHECKING

from harness.cells.base import Parameter, State, Weights
from harness.cells.functions import sigmoid, tanh
from harness.cells.gating import Gated, biases, keeping_bias

if TYPE_CHECKING:
    from torch import Tensor


class DeltaRNN(Gated):
    """Delta-RNN: a plain RNN with products of input and state, and an interpolation that costs only a bias more.

        v = h_{t-1} · W_h,   u = x_t · W_x
        z = tanh(α * v * u + β_1 * v + β_2 * u + b_z)
        r = sigmoid(u + b_r)
        h_t = tanh((1 - r) * z + r * h_{t-1})

    Source: Ororbia, Mikolov, Reitter, "Learning simpler language models with the differential state framework",
    Neural Computation 29(12), 2017: the second-order form; at the start α = 2, β_1 = β_2 = 1, as in the
    authors' code for Penn Treebank; tanh as the outer function, one of those that it offers.
    """

    name = "delta_rnn"
    family = "classic"
    gate_roles = {"r": "interpolation: keeps"}

    forget_bias: float = keeping_bias("interpolation")

    def parameters(self, input_size: int, hidden_size: int) -> dict[str, Parameter]:
        return {
            "input": Parameter((input_size, hidden_size), "dense"),
            "recurrent": Parameter((hidden_size, hidden_size), "recurrent"),
            "both": Parameter((hidden_size,), "constant", (2.0,)),
            "past": Parameter((hidden_size,), "constant", (1.0,)),
            "present": Parameter((hidden_size,), "constant", (1.0,)),
            "b_z": Parameter((hidden_size,), "constant"),
            "b_r": biases(hidden_size, self.keeping(self.forget_bias)),
        }

    def gates(self, w: Weights, x: Tensor, s: State) -> dict[str, Tensor]:
        return {"r": sigmoid(x @ w.input + w.b_r)}

    def step(self, w: Weights, x: Tensor, s: State) -> dict[str, Tensor]:
        v, u = s.h @ w.recurrent, x @ w.input
        z = tanh(w.both * v * u + w.past * v + w.present * u + w.b_z)
        r = sigmoid(u + w.b_r)
        return {"h": tanh(z + r * (s.h - z))}
