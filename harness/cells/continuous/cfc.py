from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import Field

from harness.cells.base import Cell, Parameter, State, Weights
from harness.cells.functions import sigmoid, tanh
from harness.cells.gating import gates

if TYPE_CHECKING:
    from torch import Tensor


class CfC(Cell):
    """Closed-form continuous-time network: what a liquid network comes to after a time, without solving it.

        z   = 1.7159 * tanh(0.666 * (x_t · W_xz + h_{t-1} · W_hz + b_z))      the backbone
        f   = z · W_f + b_f,   g = tanh(z · W_g + b_g),   k = tanh(z · W_k + b_k)
        h_t = (1 - sigmoid(f * Δ)) * g + sigmoid(f * Δ) * k

    Δ is the time between two steps. Each way from step to step leads through two matrices, which all start from `init`
    and `weight_scale`: in the authors' code, too, they start alike.

    Source: Hasani, Lechner, Amini, Liebenwein, Ray, Tschaikowski, Teschl, Rus, "Closed-form continuous-time neural
    networks", Nature Machine Intelligence 4, 2022: the closed form with a backbone that its three heads share, the
    sign of f taken into its weights. Difference from the authors' code, which has (z · W_a + b_a) * Δ + z · W_b + b_b
    for f * Δ: with steps of equal length these are one sum.
    """

    name = "cfc"
    family = "continuous"
    gate_roles = {"f": "time gate: takes k instead of g"}

    elapsed: float = Field(1.0, gt=0, description="Δ: time between two steps")

    def parameters(self, input_size: int, hidden_size: int) -> dict[str, Parameter]:
        heads = {}
        for head in ("f", "g", "k"):
            heads[f"z_{head}"] = Parameter((hidden_size, hidden_size), "recurrent")
            heads[f"b_{head}"] = Parameter((hidden_size,), "constant")
        return gates("z", input_size=input_size, hidden_size=hidden_size) | heads

    def gates(self, w: Weights, x: Tensor, s: State) -> dict[str, Tensor]:
        return {"f": self._time(w, self._backbone(w, x, s))}

    def step(self, w: Weights, x: Tensor, s: State) -> dict[str, Tensor]:
        z = self._backbone(w, x, s)
        g, k = tanh(z @ w.z_g + w.b_g), tanh(z @ w.z_k + w.b_k)
        return {"h": g + self._time(w, z) * (k - g)}

    def _backbone(self, w: Weights, x: Tensor, s: State) -> Tensor:
        return 1.7159 * tanh(0.666 * (x @ w.x_z + s.h @ w.h_z + w.b_z))

    def _time(self, w: Weights, z: Tensor) -> Tensor:
        return sigmoid(self.elapsed * (z @ w.z_f + w.b_f))
