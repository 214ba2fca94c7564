from __future__ import annotations

from typing import TYPE_CHECKING

from harness.cells.base import Cell, Parameter, State, Weights
from harness.cells.functions import relu, sigmoid, tanh
from harness.cells.gating import biases, keeping_bias

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

    Source: Zoph, Le, "Neural architecture search with reinforcement learning", ICLR 2017, appendix A (the cell
    without max and sin), as in the authors' TensorFlow code. torchrecurrent adds p_3 and q_3.
    Where p_3 * q_3 is 0 a step keeps less than tanh(1) = 0.76 of c, which is a short memory: no bias makes it one of
    many steps, and there is no gate_init=chrono.
    """

    name = "nas"
    family = "gated"
    parts = ("h", "c")
    memory = "c"
    gate_roles = {"k": "sigmoid(u_2): keeps, a share of tanh(k) at first"}

    forget_bias: float = keeping_bias("sigmoid of u_2, which scales what is kept")

    def parameters(self, input_size: int, hidden_size: int) -> dict[str, Parameter]:
        """Eight blocks side by side."""
        return {
            "input": Parameter((input_size, 8 * hidden_size), "dense"),
            "recurrent": Parameter((hidden_size, 8 * hidden_size), "recurrent"),
            "bias": biases(hidden_size, 0.0, 0.0, self.forget_bias, *[0.0] * 5),
        }

    def gates(self, w: Weights, x: Tensor, s: State) -> dict[str, Tensor]:
        p, q = (x @ w.input).chunk(8, dim=-1), (s.h @ w.recurrent + w.bias).chunk(8, dim=-1)
        return {"k": sigmoid(p[2] + q[2])}

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
