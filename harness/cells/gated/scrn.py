from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import Field

from harness.cells.base import Cell, Parameter, State, Weights
from harness.cells.functions import join, sigmoid

if TYPE_CHECKING:
    from torch import Tensor


class SCRN(Cell):
    """Structurally constrained network: a plain network beside context units that only ever leak.

        c_t = (1 - alpha) x_t · W_xc + alpha c_{t-1}
        h_t = sigmoid(x_t · W_x + c_t · W_c + h_{t-1} · W_h + b)

    The readout, and the next layer, see h and c side by side.

    Source: Mikolov, Joulin, Chopra, Mathieu, Ranzato, "Learning longer memory in recurrent neural networks", ICLR
    workshop 2015, section 3; theirs is s for c, and there is no bias. torchrecurrent feeds back what the readout makes
    of h and c, in place of h.
    """

    name = "scrn"
    family = "gated"
    parts = ("h", "c")
    memory = "c"

    alpha: float = Field(0.95, ge=0, lt=1, description="share of the context that a step keeps")

    def parameters(self, input_size: int, hidden_size: int) -> dict[str, Parameter]:
        return {
            "context": Parameter((input_size, hidden_size), "dense"),
            "input": Parameter((input_size, hidden_size), "dense"),
            "from_context": Parameter((hidden_size, hidden_size), "dense"),
            "recurrent": Parameter((hidden_size, hidden_size), "recurrent"),
            "bias": Parameter((hidden_size,), "constant"),
        }

    def keeps(self, w: Weights, x: Tensor, s: State, hidden_size: int) -> Tensor | None:
        return x.new_full((len(x), 1, 1), self.alpha)

    def output_size(self, hidden_size: int) -> int:
        return 2 * hidden_size

    def step(self, w: Weights, x: Tensor, s: State) -> dict[str, Tensor]:
        c = (1 - self.alpha) * (x @ w.context) + self.alpha * s.c
        return {"h": sigmoid(x @ w.input + c @ w.from_context + s.h @ w.recurrent + w.bias), "c": c}

    def output(self, w: Weights, x: Tensor, s: State) -> Tensor:
        return join(s.h, s.c)
