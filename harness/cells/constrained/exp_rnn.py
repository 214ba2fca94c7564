from __future__ import annotations

from typing import TYPE_CHECKING

from harness.cells.base import Cell, Parameter, State, Weights
from harness.cells.functions import mod_relu

if TYPE_CHECKING:
    from torch import Tensor


class ExpRNN(Cell):
    """RNN whose recurrent matrix is orthogonal: the matrix exponential of a skew-symmetric one.

        A   = L - Lᵀ,   L the part of the parameter below its diagonal
        W_h = exp(A)
        h_t = modrelu(x_t · W_x + h_{t-1} · W_h, b),   modrelu(z, b) = sign(z) * max(0, |z| + b)

    While all units are on, the gradient keeps its norm exactly. `weight_scale` scales A: how far a step turns the
    state (0: not at all), not how much it stretches it.

    Source: Lezcano-Casado, Martínez-Rubio, "Cheap orthogonal constraints in neural networks: a simple parametrization
    of the orthogonal and unitary group", ICML 2019; modrelu: Arjovsky, Shah, Bengio, ICML 2016. Difference: the
    parameter starts from `init`, where the paper draws planes of rotation.
    """

    name = "exp_rnn"
    family = "constrained"

    def parameters(self, input_size: int, hidden_size: int) -> dict[str, Parameter]:
        return {
            "input": Parameter((input_size, hidden_size), "dense"),
            "recurrent": Parameter((hidden_size, hidden_size), "recurrent"),
            "bias": Parameter((hidden_size,), "constant"),
        }

    def weights(self, p: Weights) -> dict[str, Tensor]:
        import torch

        lower = p.recurrent.tril(-1)
        return {**p, "recurrent": torch.matrix_exp(lower - lower.mT)}

    def step(self, w: Weights, x: Tensor, s: State) -> dict[str, Tensor]:
        return {"h": mod_relu(x @ w.input + s.h @ w.recurrent, w.bias)}
