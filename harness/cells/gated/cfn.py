from __future__ import annotations

from typing import TYPE_CHECKING

from harness.cells.base import Parameter, State, Weights
from harness.cells.functions import sigmoid, tanh
from harness.cells.gating import Gated, gates, keeping_bias

if TYPE_CHECKING:
    from torch import Tensor


class CFN(Gated):
    """Chaos free network: without inputs the state of every unit dies away, so that there is no chaos.

        f   = sigmoid(x_t · W_xf + h_{t-1} · W_hf + b_f)
        i   = sigmoid(x_t · W_xi + h_{t-1} · W_hi + b_i)
        h_t = f * tanh(h_{t-1}) + i * tanh(x_t · W_xn)

    Source: Laurent, von Brecht, "A recurrent neural network without chaos", ICLR 2017, section 2; f and i are
    its theta and eta, whose biases start at 1 and -1 as there. torchrecurrent adds a bias to x_t · W_xn.
    """

    name = "cfn"
    family = "gated"
    gate_roles = {"f": "forget gate: keeps", "i": "input gate: writes"}

    forget_bias: float = keeping_bias("forget gate", 1.0)

    def parameters(self, input_size: int, hidden_size: int) -> dict[str, Parameter]:
        bias = {"f": self.keeping(self.forget_bias), "i": self.overwriting(-1.0)}
        return gates("f", "i", input_size=input_size, hidden_size=hidden_size, bias=bias) | {
            "x_n": Parameter((input_size, hidden_size), "dense"),
        }

    def gates(self, w: Weights, x: Tensor, s: State) -> dict[str, Tensor]:
        return {
            "f": sigmoid(x @ w.x_f + s.h @ w.h_f + w.b_f),
            "i": sigmoid(x @ w.x_i + s.h @ w.h_i + w.b_i),
        }

    def step(self, w: Weights, x: Tensor, s: State) -> dict[str, Tensor]:
        f, i = self.gates(w, x, s).values()
        return {"h": f * tanh(s.h) + i * tanh(x @ w.x_n)}
