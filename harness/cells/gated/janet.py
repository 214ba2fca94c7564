from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import Field

from harness.cells.base import Parameter, State, Weights
from harness.cells.functions import sigmoid, tanh
from harness.cells.gating import Gated, gates, keeping_bias

if TYPE_CHECKING:
    from torch import Tensor


class JANET(Gated):
    """Just another network: an LSTM with its forget gate alone.

        f_in = x_t · W_xf + h_{t-1} · W_hf + b_f
        n    = tanh(x_t · W_xn + h_{t-1} · W_hn + b_n)
        h_t  = sigmoid(f_in) * h_{t-1} + (1 - sigmoid(f_in - beta)) * n

    Source: van der Westhuizen, Lasenby, "The unreasonable effectiveness of the forget gate", arXiv:1804.04849, 2018,
    section 2. There beta is 1, and chrono initialization draws b_f, as ``gate_init=chrono`` does; without it b_f
    starts at one value, as in the paper's comparison. In torchrecurrent beta is learned.
    """

    name = "janet"
    family = "gated"
    gate_roles = {"f": "forget gate: keeps"}

    beta: float = Field(1.0, description="how much more is written than the forget gate makes room for; 0 couples both")
    forget_bias: float = keeping_bias("forget gate", 1.0)

    def parameters(self, input_size: int, hidden_size: int) -> dict[str, Parameter]:
        return gates(
            "f", "n", input_size=input_size, hidden_size=hidden_size, bias={"f": self.keeping(self.forget_bias)}
        )

    def gates(self, w: Weights, x: Tensor, s: State) -> dict[str, Tensor]:
        return {"f": sigmoid(self._read(w, x, s))}

    def step(self, w: Weights, x: Tensor, s: State) -> dict[str, Tensor]:
        f = self._read(w, x, s)
        n = tanh(x @ w.x_n + s.h @ w.h_n + w.b_n)
        return {"h": sigmoid(f) * s.h + (1 - sigmoid(f - self.beta)) * n}

    def _read(self, w: Weights, x: Tensor, s: State) -> Tensor:
        return x @ w.x_f + s.h @ w.h_f + w.b_f
