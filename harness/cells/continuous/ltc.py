from __future__ import annotations

import math
from typing import TYPE_CHECKING

from pydantic import Field

from harness.base.options import INIT_ONLY
from harness.cells.base import Parameter, State, Weights
from harness.cells.functions import sigmoid
from harness.cells.gating import Gated, gates, overwriting_bias

if TYPE_CHECKING:
    from torch import Tensor


class LTC(Gated):
    """Liquid time-constant network: how fast a unit changes depends on what it sees.

        dh/dt = -(1/τ + f) * h + f * A,   f = sigmoid(x_t · W_x + h · W_h + b)

        of which a step goes through `unfolds` pieces of length d = 1 / unfolds, each
        h ← (h + d * f * A) / (1 + d * (1/τ + f))

    1/τ and A are learned for each unit; 1/τ stays positive as e^p. The gate that is shown is f at the start of a step.

    Source: Hasani, Lechner, Amini, Rus, Grosu, "Liquid time-constant networks", AAAI 2021, equations 1 to 3 and
    algorithm 1. Differences: f is the logistic function, which theorem 1 about the bounds of the time constant needs;
    algorithm 1 has tanh. Where weights start the paper does not say: A at -1 or 1, as the reversal potentials of the
    package ncps, whose cell of this name has a sigmoid for every synapse and is another one. With an `update_bias` of 0
    half of the state would be gone after one step.
    """

    name = "ltc"
    family = "continuous"
    gate_roles = {"f": "liquid gate: lets go"}

    unfolds: int = Field(6, ge=1, description="pieces of the solver in a step")
    time_constant: float = Field(
        100.0, gt=0, json_schema_extra=INIT_ONLY, description="τ at the start, in steps: how slowly units leak"
    )
    update_bias: float = overwriting_bias("gate", -2.0)

    def parameters(self, input_size: int, hidden_size: int) -> dict[str, Parameter]:
        bias = {"f": self.overwriting(self.update_bias)}
        return gates("f", input_size=input_size, hidden_size=hidden_size, bias=bias) | {
            "log_rate": Parameter((hidden_size,), "constant", (-math.log(self.time_constant),)),
            "target": Parameter((hidden_size,), "drawn", draw=lambda rng: rng.choice([-1.0, 1.0], hidden_size)),
        }

    def weights(self, p: Weights) -> dict[str, Tensor]:
        """``rate`` is 1/τ."""
        return {**p, "rate": p.log_rate.exp()}

    def gates(self, w: Weights, x: Tensor, s: State) -> dict[str, Tensor]:
        return {"f": sigmoid(x @ w.x_f + s.h @ w.h_f + w.b_f)}

    def keeps(self, w: Weights, x: Tensor, s: State, hidden_size: int) -> Tensor | None:
        h, kept, seen, piece = s.h, s.h.new_ones(()), x @ w.x_f + w.b_f, 1 / self.unfolds
        for _ in range(self.unfolds):
            f = sigmoid(seen + h @ w.h_f)
            shrunk = 1 / (1 + piece * (w.rate + f))
            h, kept = (h + piece * f * w.target) * shrunk, kept * shrunk
        return kept

    def step(self, w: Weights, x: Tensor, s: State) -> dict[str, Tensor]:
        h, seen, piece = s.h, x @ w.x_f + w.b_f, 1 / self.unfolds
        for _ in range(self.unfolds):
            f = sigmoid(seen + h @ w.h_f)
            h = (h + piece * f * w.target) / (1 + piece * (w.rate + f))
        return {"h": h}
