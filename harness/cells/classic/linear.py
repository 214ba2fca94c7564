from __future__ import annotations

from typing import TYPE_CHECKING

from harness.cells.base import Cell, Parameter, State, Weights

if TYPE_CHECKING:
    from torch import Tensor

    from harness.theory.base import Theory


class Linear(Cell):
    """Linear recurrence without bias: the error is multiplied by W_h at every step and by nothing else.

        h_t = x_t · W_x + h_{t-1} · W_h

    With ``hidden_size=1 init=identity`` it is the scalar w of the textbooks: the gradient at step t is
    w^(T-t) times the gradient at T.

    Source: Pascanu, Mikolov, Bengio, "On the difficulty of training recurrent neural networks", ICML 2013,
    section 2.1.
    """

    name = "linear"
    family = "classic"
    colour = "#9467bd"

    def parameters(self, input_size: int, hidden_size: int) -> dict[str, Parameter]:
        return {
            "input": Parameter((input_size, hidden_size), "dense"),
            "recurrent": Parameter((hidden_size, hidden_size), "recurrent"),
        }

    def theory(self) -> Theory | None:
        from harness.theory import Elman

        return Elman("linear")

    def step(self, w: Weights, x: Tensor, s: State) -> dict[str, Tensor]:
        return {"h": x @ w.input + s.h @ w.recurrent}
