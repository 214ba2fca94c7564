from __future__ import annotations

from typing import TYPE_CHECKING

from harness.cells.base import Parameter, State, Weights
from harness.cells.functions import sigmoid, tanh
from harness.cells.gating import Gated, biases, keeping_bias

if TYPE_CHECKING:
    from torch import Tensor


class ResetBeforeGRU(Gated):
    """Gated recurrent unit as first published: the reset gate is applied before the candidate's product.

        r = sigmoid(x_t · W_xr + h_{t-1} · W_hr + b_r)
        z = sigmoid(x_t · W_xz + h_{t-1} · W_hz + b_z)
        n = tanh(x_t · W_xn + (r * h_{t-1}) · W_hn + b_n)
        h_t = (1 - z) * n + z * h_{t-1}

    Source: Cho et al., "Learning phrase representations using RNN encoder-decoder", EMNLP 2014, section 2.3;
    Keras' ``GRU(reset_after=False)``.
    """

    name = "gru_reset_before"
    family = "gated"
    gate_roles = {"r": "reset gate: uses the past", "z": "update gate: keeps"}

    forget_bias: float = keeping_bias("update gate, which keeps where it is 1")

    def parameters(self, input_size: int, hidden_size: int) -> dict[str, Parameter]:
        """``input``, ``recurrent`` and ``bias``, each with the blocks r, z, n."""
        return {
            "input": Parameter((input_size, 3 * hidden_size), "dense"),
            "recurrent": Parameter((hidden_size, 3 * hidden_size), "recurrent"),
            "bias": biases(hidden_size, 0.0, self.keeping(self.forget_bias), 0.0),
        }

    def gates(self, w: Weights, x: Tensor, s: State) -> dict[str, Tensor]:
        size = s.h.shape[-1]
        read = x @ w.input[..., : 2 * size] + s.h @ w.recurrent[..., : 2 * size] + w.bias[..., : 2 * size]
        r, z = sigmoid(read).chunk(2, dim=-1)
        return {"r": r, "z": z}

    def step(self, w: Weights, x: Tensor, s: State) -> dict[str, Tensor]:
        r, z = self.gates(w, x, s).values()
        size = s.h.shape[-1]
        x_n, h_n, b_n = (each[..., 2 * size :] for each in (w.input, w.recurrent, w.bias))
        n = tanh(x @ x_n + (r * s.h) @ h_n + b_n)
        return {"h": n + z * (s.h - n)}
