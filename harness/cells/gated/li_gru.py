from __future__ import annotations

from typing import TYPE_CHECKING

from harness.cells.base import Parameter, State, Weights
from harness.cells.functions import relu, sigmoid
from harness.cells.gating import Gated, gates, keeping_bias

if TYPE_CHECKING:
    from torch import Tensor


class LiGRU(Gated):
    """Light GRU: no reset gate, and a rectifier instead of tanh; known from speech recognition.

        z   = sigmoid(x_t · W_xz + h_{t-1} · W_hz + b_z)
        n   = relu(x_t · W_xn + h_{t-1} · W_hn + b_n)
        h_t = z * h_{t-1} + (1 - z) * n

    Source: Ravanelli, Brakel, Omologo, Bengio, "Light gated recurrent units for speech recognition", IEEE Transactions
    on Emerging Topics in Computational Intelligence 2(2), 2018, section III. The paper normalises x_t · W over the
    batch, in place of the biases; here, as in torchrecurrent, nothing is normalised.
    """

    name = "li_gru"
    family = "gated"
    gate_roles = {"z": "update gate: keeps"}

    forget_bias: float = keeping_bias("update gate")

    def parameters(self, input_size: int, hidden_size: int) -> dict[str, Parameter]:
        return gates(
            "z", "n", input_size=input_size, hidden_size=hidden_size, bias={"z": self.keeping(self.forget_bias)}
        )

    def gates(self, w: Weights, x: Tensor, s: State) -> dict[str, Tensor]:
        return {"z": sigmoid(x @ w.x_z + s.h @ w.h_z + w.b_z)}

    def step(self, w: Weights, x: Tensor, s: State) -> dict[str, Tensor]:
        n = relu(x @ w.x_n + s.h @ w.h_n + w.b_n)
        return {"h": n + self.gates(w, x, s)["z"] * (s.h - n)}
