from __future__ import annotations

from typing import TYPE_CHECKING

from harness.cells.base import Parameter, State, Weights
from harness.cells.functions import sigmoid, tanh
from harness.cells.gating import Gated, biases, keeping_bias

if TYPE_CHECKING:
    from torch import Tensor


class FastGRNN(Gated):
    """A gated RNN with hardly more weights than a plain one: gate and candidate share their matrices.

        p   = x_t · W_x + h_{t-1} · W_h
        z   = sigmoid(p + b_z)
        n   = tanh(p + b_n)
        h_t = (sigmoid(zeta) * (1 - z) + sigmoid(nu)) * n + z * h_{t-1}

    Source: Kusupati, Singh, Bhatia, Kumar, Jain, Varma, "FastGRNN: a fast, accurate, stable and tiny kilobyte sized
    gated recurrent neural network", NeurIPS 2018, section 3.2; without its low rank, sparsity and quantisation. zeta
    starts at 1, nu at -4, b_z at 1 and b_n at 1 as in the authors' code. The default of torchrecurrent makes z by tanh,
    not sigmoid, and starts at zeta 3 and nu -3.
    """

    name = "fast_grnn"
    family = "gated"
    gate_roles = {"z": "update gate: keeps"}

    forget_bias: float = keeping_bias("update gate", 1.0)

    def parameters(self, input_size: int, hidden_size: int) -> dict[str, Parameter]:
        return {
            "input": Parameter((input_size, hidden_size), "dense"),
            "recurrent": Parameter((hidden_size, hidden_size), "recurrent"),
            "b_z": biases(hidden_size, self.keeping(self.forget_bias)),
            "b_n": Parameter((hidden_size,), "constant", (1.0,)),
            "zeta": Parameter((1,), "constant", (1.0,)),
            "nu": Parameter((1,), "constant", (-4.0,)),
        }

    def gates(self, w: Weights, x: Tensor, s: State) -> dict[str, Tensor]:
        return {"z": sigmoid(x @ w.input + s.h @ w.recurrent + w.b_z)}

    def step(self, w: Weights, x: Tensor, s: State) -> dict[str, Tensor]:
        p = x @ w.input + s.h @ w.recurrent
        z, n = sigmoid(p + w.b_z), tanh(p + w.b_n)
        return {"h": (sigmoid(w.zeta) * (1 - z) + sigmoid(w.nu)) * n + z * s.h}
