from __future__ import annotations

from typing import TYPE_CHECKING

from harness.cells.base import Parameter, State, Weights
from harness.cells.functions import sigmoid
from harness.cells.gating import Gated, biases, keeping_bias
from harness.cells.linear.min_gru import positive

if TYPE_CHECKING:
    from torch import Tensor


class MinLSTM(Gated):
    """LSTM whose gates see the input alone and share out the state between past and candidate; no output gate.

        f = sigmoid(x_t · W_f + b_f)
        i = sigmoid(x_t · W_i + b_i)
        n = g(x_t · W_n + b_n)                g(x) = x + 0.5 where x ≥ 0, else sigmoid(x)
        h_t = f / (f + i) * h_{t-1} + i / (f + i) * n

    What is kept is the forget gate's share of both gates: an open forget gate alone keeps little more than a half, so
    ``forget_bias`` closes the input gate as well. There are no recurrent weights, so `init` and `weight_scale` have
    nothing to act on.

    Source: Feng, Tung, Ahmed, Bengio, Hajimirsadeghi, "Were RNNs all we needed?", arXiv:2410.01201, 2024, section 3.2,
    with the candidate of appendix B, which keeps the state positive: the form that is trained there, in log space.
    """

    name = "min_lstm"
    family = "linear"
    gate_roles = {"f": "forget gate: keeps", "i": "input gate: writes"}

    forget_bias: float = keeping_bias("forget gate, the input gate has its negative")

    def parameters(self, input_size: int, hidden_size: int) -> dict[str, Parameter]:
        starts = {"f": self.keeping(self.forget_bias), "i": self.overwriting(-self.forget_bias), "n": 0.0}
        dense = {f"x_{gate}": Parameter((input_size, hidden_size), "dense") for gate in starts}
        return dense | {f"b_{gate}": biases(hidden_size, start) for gate, start in starts.items()}

    def gates(self, w: Weights, x: Tensor, s: State) -> dict[str, Tensor]:
        f, i = sigmoid(x @ w.x_f + w.b_f), sigmoid(x @ w.x_i + w.b_i)
        return {"f": f / (f + i), "i": i / (f + i)}

    def step(self, w: Weights, x: Tensor, s: State) -> dict[str, Tensor]:
        f, i = self.gates(w, x, s).values()
        return {"h": f * s.h + i * positive(x @ w.x_n + w.b_n)}
