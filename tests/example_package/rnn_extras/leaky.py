"""A network whose units leak."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pydantic import Field

from harness.cells import PointwiseCell, State

if TYPE_CHECKING:
    from torch import Tensor


class Leaky(PointwiseCell):
    """Leaky integrator: each step replaces a share of the state.

        h_t = (1 - a) * h_{t-1} + a * tanh(x_t · W_x + h_{t-1} · W_h + b)

    Source: Jaeger, Lukosevicius, Popovici, Siewert, "Optimization and applications of echo state networks with
    leaky-integrator neurons", Neural Networks 20(3), 2007.
    """

    name = "leaky"
    gates = ("h",)

    leak: float = Field(0.1, gt=0, le=1, description="share of the state that a step replaces; 1 is a plain RNN")

    def step(self, pre: Tensor, state: State) -> dict[str, Any]:
        return {"h": (1 - self.leak) * state["h"] + self.leak * pre.tanh()}
