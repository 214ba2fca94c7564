from __future__ import annotations

from typing import TYPE_CHECKING

from harness.cells.base import Parameter, State, Weights
from harness.cells.functions import sigmoid, tanh
from harness.cells.gating import Gated, biases, keeping_bias

if TYPE_CHECKING:
    from torch import Tensor


class SGRN(Gated):
    """Simple gated recurrent network: one matrix of inputs serves both the gate and the candidate.

        u   = x_t · W_x + b_x
        f   = sigmoid(u + h_{t-1} · W_h + b_h)
        h_t = tanh((1 - f) * u + f * h_{t-1})

    Source: doi:10.1049/gtd2.12056, IET Generation, Transmission & Distribution, 2021, as torchrecurrent 0.2.5 has it;
    the forget bias is in b_h, which the candidate does not read.
    """

    name = "sgrn"
    family = "gated"
    gate_roles = {"f": "forget gate: keeps"}

    forget_bias: float = keeping_bias("forget gate")

    def parameters(self, input_size: int, hidden_size: int) -> dict[str, Parameter]:
        return {
            "input": Parameter((input_size, hidden_size), "dense"),
            "bias_input": Parameter((hidden_size,), "constant"),
            "recurrent": Parameter((hidden_size, hidden_size), "recurrent"),
            "bias_recurrent": biases(hidden_size, self.keeping(self.forget_bias)),
        }

    def gates(self, w: Weights, x: Tensor, s: State) -> dict[str, Tensor]:
        return {"f": sigmoid(x @ w.input + w.bias_input + s.h @ w.recurrent + w.bias_recurrent)}

    def step(self, w: Weights, x: Tensor, s: State) -> dict[str, Tensor]:
        f = self.gates(w, x, s)["f"]
        return {"h": tanh((1 - f) * (x @ w.input + w.bias_input) + f * s.h)}
