from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import Field

from harness.cells.base import Cell, Parameter, State, Weights
from harness.cells.functions import sigmoid, tanh
from harness.cells.gating import gates

if TYPE_CHECKING:
    from torch import Tensor

SHARE_KEPT = "share of the state that a step keeps; a plain number in place of an update gate"


class MiRU1(Cell):
    """Minion recurrent unit: a GRU whose update gate is one number for all units and steps.

        r   = sigmoid(x_t · W_xr + h_{t-1} · W_hr + b_r)
        n   = tanh(x_t · W_xn + (r * h_{t-1}) · W_hn + b_n)
        h_t = keep * h_{t-1} + (1 - keep) * n

    Source: Zyarah, Kudithipudi, "Minion gated recurrent unit for continual learning", arXiv:2503.06175, 2025 (MiRU-1);
    Neurocomputing, 2026, doi:10.1016/j.neucom.2026.132847; lambda is our keep.
    """

    name = "miru1"
    family = "gated"
    gate_roles = {"r": "reset gate: uses the past"}

    keep: float = Field(0.5, ge=0, lt=1, description=SHARE_KEPT)

    def parameters(self, input_size: int, hidden_size: int) -> dict[str, Parameter]:
        return gates("r", "n", input_size=input_size, hidden_size=hidden_size)

    def gates(self, w: Weights, x: Tensor, s: State) -> dict[str, Tensor]:
        return {"r": sigmoid(x @ w.x_r + s.h @ w.h_r + w.b_r)}

    def keeps(self, w: Weights, x: Tensor, s: State, hidden_size: int) -> Tensor | None:
        return x.new_full((len(x), 1, 1), self.keep)

    def step(self, w: Weights, x: Tensor, s: State) -> dict[str, Tensor]:
        r = self.gates(w, x, s)["r"]
        n = tanh(x @ w.x_n + (r * s.h) @ w.h_n + w.b_n)
        return {"h": self.keep * s.h + (1 - self.keep) * n}


class MiRU2(Cell):
    """Minion recurrent unit without gates: of a GRU's two gates, one number each is left.

        n   = tanh(x_t · W_xn + (reset h_{t-1}) · W_hn + b_n)
        h_t = keep * h_{t-1} + (1 - keep) * n

    Source: Zyarah, Kudithipudi, "Minion gated recurrent unit for continual learning", arXiv:2503.06175, 2025 (MiRU-2);
    Neurocomputing, 2026, doi:10.1016/j.neucom.2026.132847; lambda and beta are our keep and reset.
    """

    name = "miru2"
    family = "gated"

    keep: float = Field(0.5, ge=0, lt=1, description=SHARE_KEPT)
    reset: float = Field(0.5, gt=0, le=1, description="share of the state that the candidate sees")

    def parameters(self, input_size: int, hidden_size: int) -> dict[str, Parameter]:
        return gates("n", input_size=input_size, hidden_size=hidden_size)

    def keeps(self, w: Weights, x: Tensor, s: State, hidden_size: int) -> Tensor | None:
        return x.new_full((len(x), 1, 1), self.keep)

    def step(self, w: Weights, x: Tensor, s: State) -> dict[str, Tensor]:
        n = tanh(x @ w.x_n + (self.reset * s.h) @ w.h_n + w.b_n)
        return {"h": self.keep * s.h + (1 - self.keep) * n}
