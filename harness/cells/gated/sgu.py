from __future__ import annotations

from typing import TYPE_CHECKING

from harness.cells.base import Cell, Parameter, State, Weights
from harness.cells.functions import hard_sigmoid, softplus, tanh
from harness.cells.gating import gates, overwriting_bias

if TYPE_CHECKING:
    from torch import Tensor


class SGU(Cell):
    """Simple gated unit: inputs multiply the state, before and after a layer; one gate updates.

        g   = tanh(((x_t · W_xg + b_g) * h_{t-1}) · W_hg)
        n   = softplus(g * h_{t-1})
        z   = hard_sigmoid(x_t · W_xz + h_{t-1} · W_hz + b_z)
        h_t = (1 - z) * h_{t-1} + z * n

    Source: Gao, Glowacka, "Deep gate recurrent neural network", ACML 2016, section 3. The hard sigmoid is that of
    Theano, max(0, min(1, 0.2 x + 0.5)); torchrecurrent takes PyTorch's, x / 6 + 0.5, and adds a bias within g's tanh.
    There is no gate_init=chrono: at the bias for a lag of 13 steps the hard sigmoid is 0, and so is its derivative.
    """

    name = "sgu"
    family = "gated"
    gate_roles = {"z": "update gate: overwrites"}

    update_bias: float = overwriting_bias("update gate")

    def parameters(self, input_size: int, hidden_size: int) -> dict[str, Parameter]:
        return gates("g", "z", input_size=input_size, hidden_size=hidden_size, bias={"z": self.update_bias})

    def gates(self, w: Weights, x: Tensor, s: State) -> dict[str, Tensor]:
        return {"z": hard_sigmoid(x @ w.x_z + s.h @ w.h_z + w.b_z)}

    def step(self, w: Weights, x: Tensor, s: State) -> dict[str, Tensor]:
        g = tanh(((x @ w.x_g + w.b_g) * s.h) @ w.h_g)
        n = softplus(g * s.h)
        return {"h": s.h + self.gates(w, x, s)["z"] * (n - s.h)}
