from __future__ import annotations

from typing import TYPE_CHECKING

from harness.cells.base import Cell, Parameter, State, Weights
from harness.cells.functions import relu, sigmoid, tanh

if TYPE_CHECKING:
    from torch import Tensor


class NAS(Cell):
    """The cell that a neural architecture search found: a tree of eight products around a cell state.

        p_k, q_k = the blocks k = 0 … 7 of x_t · W_x and of h_{t-1} · W_h + b
        u_k      = p_k + q_k
        l_0      = tanh(sigmoid(u_0) * relu(u_1))
        l_1      = tanh(sigmoid(u_2) + relu(p_3 * q_3))
        l_2      = tanh(tanh(u_4) * sigmoid(u_5))
        l_3      = sigmoid(tanh(u_6) + sigmoid(u_7))
        c_t      = tanh(l_0 + c_{t-1}) * l_1
        h_t      = tanh(c_t * tanh(l_2 + l_3))

    Source: Zoph, Le, "Neural architecture search with reinforcement learning", ICLR 2017, appendix A, figure 8 (the
    cell without max and sin), as in the authors' TensorFlow code. torchrecurrent adds p_3 and q_3.
    """

    name = "nas"
    family = "gated"
    parts = ("h", "c")
    memory = "c"

    def parameters(self, input_size: int, hidden_size: int) -> dict[str, Parameter]:
        """Eight blocks side by side."""
        return {
            "input": Parameter((input_size, 8 * hidden_size), "dense"),
            "recurrent": Parameter((hidden_size, 8 * hidden_size), "recurrent"),
            "bias": Parameter((8 * hidden_size,), "constant"),
        }

    def step(self, w: Weights, x: Tensor, s: State) -> dict[str, Tensor]:
        p = (x @ w.input).chunk(8, dim=-1)
        q = (s.h @ w.recurrent + w.bias).chunk(8, dim=-1)
        u = [own + back for own, back in zip(p, q, strict=True)]
        l_0 = tanh(sigmoid(u[0]) * relu(u[1]))
        l_1 = tanh(sigmoid(u[2]) + relu(p[3] * q[3]))
        l_2 = tanh(tanh(u[4]) * sigmoid(u[5]))
        l_3 = sigmoid(tanh(u[6]) + sigmoid(u[7]))
        c = tanh(l_0 + s.c) * l_1
        return {"h": tanh(c * tanh(l_2 + l_3)), "c": c}
