from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import Field

from harness.base.options import INIT_ONLY
from harness.cells.base import Cell, Parameter, State, Weights
from harness.cells.functions import sigmoid, tanh

if TYPE_CHECKING:
    from torch import Tensor


class LSTM(Cell):
    """Long short-term memory: input, forget and output gates around a cell state c, the "main plot line".

        i, f, o = sigmoid(x_t · W_x + h_{t-1} · W_h + b)     one block each
        g       = tanh(x_t · W_xg + h_{t-1} · W_hg + b_g)
        c_t = f * c_{t-1} + i * g
        h_t = o * tanh(c_t)

    Source: Hochreiter, Schmidhuber, "Long short-term memory", Neural Computation 9(8), 1997; with the
    forget gate of Gers, Schmidhuber, Cummins, "Learning to forget", Neural Computation 12(10), 2000. A
    forget bias of 1: Jozefowicz, Zaremba, Sutskever, ICML 2015.
    """

    name = "lstm"
    family = "gated"
    parts = ("h", "c")
    memory = "c"
    gate_roles = {"i": "input gate: writes", "f": "forget gate: keeps", "o": "output gate: tells"}

    forget_bias: float = Field(
        1.0,
        json_schema_extra=INIT_ONLY,
        description="bias at which the forget gate starts; larger remembers longer",
    )

    def parameters(self, input_size: int, hidden_size: int) -> dict[str, Parameter]:
        """Blocks i, f, o, g side by side."""
        return {
            "input": Parameter((input_size, 4 * hidden_size), "dense"),
            "recurrent": Parameter((hidden_size, 4 * hidden_size), "recurrent"),
            "bias": Parameter((4 * hidden_size,), "constant", (0.0, self.forget_bias, 0.0, 0.0)),
        }

    def gates(self, w: Weights, x: Tensor, s: State) -> dict[str, Tensor]:
        i, f, o, _ = self._read(w, x, s)
        return {"i": sigmoid(i), "f": sigmoid(f), "o": sigmoid(o)}

    def step(self, w: Weights, x: Tensor, s: State) -> dict[str, Tensor]:
        i, f, o, g = self._read(w, x, s)
        c = sigmoid(f) * s.c + sigmoid(i) * tanh(g)
        return {"h": sigmoid(o) * tanh(c), "c": c}

    def _read(self, w: Weights, x: Tensor, s: State) -> tuple[Tensor, ...]:
        return (x @ w.input + s.h @ w.recurrent + w.bias).chunk(4, dim=-1)
