from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import Field

from harness.cells.base import Parameter, State, Weights
from harness.cells.functions import sigmoid, tanh
from harness.cells.gating import Gated, gates, overwriting_bias

if TYPE_CHECKING:
    from torch import Tensor


class LEM(Gated):
    """Long expressive memory: two coupled states, each unit with time steps that it chooses; a discretised ODE.

        a   = step * sigmoid(x_t · W_xa + h_{t-1} · W_ha + b_a)
        d   = step * sigmoid(x_t · W_xd + h_{t-1} · W_hd + b_d)
        z_t = (1 - a) * z_{t-1} + a * tanh(x_t · W_xz + h_{t-1} · W_hz + b_z)
        h_t = (1 - d) * h_{t-1} + d * tanh(x_t · W_xn + z_t · W_zn + b_n)

    Source: Rusch, Mishra, Erichson, Mahoney, "Long expressive memory for sequence modeling", ICLR 2022, section 2; h
    is the paper's y, a and d its Δt_n and Δt̄_n. torchrecurrent reads z_{t-1} in place of z_t in the last line.
    """

    name = "lem"
    family = "gated"
    parts = ("h", "z")
    memory = "z"
    gate_roles = {"a": "time step of z: overwrites", "d": "time step of h: overwrites"}

    time_step: float = Field(1.0, gt=0, le=1, description="the longest time step, the paper's Δt")
    update_bias: float = overwriting_bias("two time steps")

    def parameters(self, input_size: int, hidden_size: int) -> dict[str, Parameter]:
        bias = dict.fromkeys("ad", self.overwriting(self.update_bias))
        return gates("a", "d", "z", input_size=input_size, hidden_size=hidden_size, bias=bias) | {
            "x_n": Parameter((input_size, hidden_size), "dense"),
            "z_n": Parameter((hidden_size, hidden_size), "recurrent"),
            "b_n": Parameter((hidden_size,), "constant"),
        }

    def gates(self, w: Weights, x: Tensor, s: State) -> dict[str, Tensor]:
        return {
            "a": self.time_step * sigmoid(x @ w.x_a + s.h @ w.h_a + w.b_a),
            "d": self.time_step * sigmoid(x @ w.x_d + s.h @ w.h_d + w.b_d),
        }

    def step(self, w: Weights, x: Tensor, s: State) -> dict[str, Tensor]:
        a, d = self.gates(w, x, s).values()
        z = s.z + a * (tanh(x @ w.x_z + s.h @ w.h_z + w.b_z) - s.z)
        return {"h": s.h + d * (tanh(x @ w.x_n + z @ w.z_n + w.b_n) - s.h), "z": z}
