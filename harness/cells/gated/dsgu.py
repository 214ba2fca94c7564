from __future__ import annotations

from typing import TYPE_CHECKING

from harness.cells.base import Parameter, State, Weights
from harness.cells.functions import sigmoid, tanh
from harness.cells.gated.sgu import SGU

if TYPE_CHECKING:
    from torch import Tensor


class DSGU(SGU):
    """Deep simple gated unit: a simple gated unit with one more product before its output.

        g   = tanh(((x_t · W_xg + b_g) * h_{t-1}) · W_hg)
        n   = sigmoid((g * h_{t-1}) · W_o)
        z   = hard_sigmoid(x_t · W_xz + h_{t-1} · W_hz + b_z)
        h_t = (1 - z) * h_{t-1} + z * n

    Source: Gao, Glowacka, "Deep gate recurrent neural network", ACML 2016, section 3. The hard sigmoid is that of
    Theano, max(0, min(1, 0.2 x + 0.5)); torchrecurrent takes PyTorch's, x / 6 + 0.5, and adds a bias within g's tanh.
    There is no gate_init=chrono, as of `SGU`.
    """

    name = "dsgu"

    def parameters(self, input_size: int, hidden_size: int) -> dict[str, Parameter]:
        """Those of the simple gated unit, and ``h_o``."""
        own = {"h_o": Parameter((hidden_size, hidden_size), "recurrent")}
        return super().parameters(input_size, hidden_size) | own

    def step(self, w: Weights, x: Tensor, s: State) -> dict[str, Tensor]:
        g = tanh(((x @ w.x_g + w.b_g) * s.h) @ w.h_g)
        n = sigmoid((g * s.h) @ w.h_o)
        return {"h": s.h + self.gates(w, x, s)["z"] * (n - s.h)}
