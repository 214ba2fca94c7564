from __future__ import annotations

from typing import TYPE_CHECKING

from harness.cells.base import Parameter, State, Weights
from harness.cells.functions import sigmoid, tanh
from harness.cells.gating import Gated, biases, keeping_bias

if TYPE_CHECKING:
    from torch import Tensor

    from harness.theory.base import Theory


class Minimal(Gated):
    """MinimalRNN: inputs are mapped into the space of the state first, then a gate mixes both.

        z   = tanh(x_t · W_x + b_z)
        u   = sigmoid(h_{t-1} · W_h + z · W_z + b_u)
        h_t = u * h_{t-1} + (1 - u) * z

    Source: Chen, "MinimalRNN: toward more interpretable and trainable recurrent neural networks", arXiv:1711.06788,
    2017, section 3; the map of the inputs is the one layer with tanh that the paper uses.
    """

    name = "minimal"
    family = "gated"
    gate_roles = {"u": "update gate: keeps"}

    forget_bias: float = keeping_bias("update gate")

    def parameters(self, input_size: int, hidden_size: int) -> dict[str, Parameter]:
        return {
            "input": Parameter((input_size, hidden_size), "dense"),
            "b_z": Parameter((hidden_size,), "constant"),
            "recurrent": Parameter((hidden_size, hidden_size), "recurrent"),
            "latent": Parameter((hidden_size, hidden_size), "dense"),
            "b_u": biases(hidden_size, self.keeping(self.forget_bias)),
        }

    def theory(self) -> Theory | None:
        from harness.theory import Minimal

        return Minimal(self.forget_bias) if self.gate_init == "constant" else None

    def gates(self, w: Weights, x: Tensor, s: State) -> dict[str, Tensor]:
        return {"u": sigmoid(s.h @ w.recurrent + self._latent(w, x) @ w.latent + w.b_u)}

    def step(self, w: Weights, x: Tensor, s: State) -> dict[str, Tensor]:
        z = self._latent(w, x)
        return {"h": z + self.gates(w, x, s)["u"] * (s.h - z)}

    def _latent(self, w: Weights, x: Tensor) -> Tensor:
        return tanh(x @ w.input + w.b_z)
