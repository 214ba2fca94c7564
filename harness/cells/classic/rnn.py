from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from harness.cells.base import Cell, Parameter, State, TorchLayer, Weights
from harness.cells.functions import tanh

if TYPE_CHECKING:
    from torch import Tensor

    from harness.theory.base import Theory


class RNN(Cell):
    """Simple recurrent network with tanh: the ordinary RNN that forgets.

        h_t = tanh(x_t · W_x + h_{t-1} · W_h + b)

    Source: Elman, "Finding structure in time", Cognitive Science 14, 1990; `torch.nn.RNN`.
    """

    name = "rnn"
    family = "classic"
    colour = "#d9480f"

    def parameters(self, input_size: int, hidden_size: int) -> dict[str, Parameter]:
        return {
            "input": Parameter((input_size, hidden_size), "dense"),
            "recurrent": Parameter((hidden_size, hidden_size), "recurrent"),
            "bias": Parameter((hidden_size,), "constant"),
        }

    nonlinearity: ClassVar[str] = "tanh"

    def of_torch(self) -> TorchLayer | None:
        return TorchLayer(
            "RNN",
            lambda p: {
                "weight_ih": p["input"].mT,
                "weight_hh": p["recurrent"].mT,
                "bias_ih": p["bias"],
                "bias_hh": 0 * p["bias"],
            },
            lambda w: {
                "input": w["weight_ih"].mT,
                "recurrent": w["weight_hh"].mT,
                "bias": w["bias_ih"] + w["bias_hh"],
            },
            {"nonlinearity": self.nonlinearity},
        )

    def theory(self) -> Theory | None:
        from harness.theory import Elman

        return Elman(self.nonlinearity)

    def step(self, w: Weights, x: Tensor, s: State) -> dict[str, Tensor]:
        return {"h": tanh(x @ w.input + s.h @ w.recurrent + w.bias)}
