from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import Field

from harness.cells.base import Cell, Parameter, State, Weights
from harness.cells.constrained.antisymmetric import antisymmetric
from harness.cells.functions import sigmoid, tanh
from harness.cells.gating import overwriting_bias

if TYPE_CHECKING:
    from torch import Tensor


class GatedAntisymmetric(Cell):
    """Antisymmetric RNN with an input gate, which shares the antisymmetric matrix.

        A   = W_h - W_hᵀ - damping * I
        z   = sigmoid(x_t · W_xz + h_{t-1} · A + b_z)
        h_t = h_{t-1} + step_size * z * tanh(x_t · W_xn + h_{t-1} · A + b_n)

    Source: Chang, Chen, Haber, Chi, "AntisymmetricRNN: a dynamical system view on recurrent neural networks", ICLR
    2019, the form with gates; step_size and damping are its epsilon and gamma, which it tunes. There is no
    gate_init=chrono: a step adds to the state, and no gate forgets.
    """

    name = "gated_antisymmetric"
    family = "constrained"
    gate_roles = {"z": "input gate: writes"}

    step_size: float = Field(0.1, gt=0, description="how far a step goes")
    damping: float = Field(0.01, ge=0, description="what is taken off the diagonal of the recurrent matrix")
    update_bias: float = overwriting_bias("input gate")

    def parameters(self, input_size: int, hidden_size: int) -> dict[str, Parameter]:
        return {
            "x_z": Parameter((input_size, hidden_size), "dense"),
            "x_n": Parameter((input_size, hidden_size), "dense"),
            "recurrent": Parameter((hidden_size, hidden_size), "recurrent"),
            "b_z": Parameter((hidden_size,), "constant", (self.update_bias,)),
            "b_n": Parameter((hidden_size,), "constant"),
        }

    def weights(self, p: Weights) -> dict[str, Tensor]:
        return {**p, "recurrent": antisymmetric(p.recurrent, self.damping)}

    def gates(self, w: Weights, x: Tensor, s: State) -> dict[str, Tensor]:
        return {"z": sigmoid(x @ w.x_z + s.h @ w.recurrent + w.b_z)}

    def step(self, w: Weights, x: Tensor, s: State) -> dict[str, Tensor]:
        n = tanh(x @ w.x_n + s.h @ w.recurrent + w.b_n)
        return {"h": s.h + self.step_size * self.gates(w, x, s)["z"] * n}
