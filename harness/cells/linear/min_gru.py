from __future__ import annotations

from typing import TYPE_CHECKING

from harness.cells.base import Parameter, State, Weights
from harness.cells.functions import sigmoid, where
from harness.cells.gating import Gated, biases, overwriting_bias

if TYPE_CHECKING:
    from torch import Tensor


def positive(x: Tensor) -> Tensor:
    """x + 0.5 where x is not negative, sigmoid(x) elsewhere: the g of Feng et al., always above 0."""
    return where(x < 0, sigmoid(x), x + 0.5)


class MinGRU(Gated):
    """GRU whose gate and candidate see the input alone, so that the recurrence is linear and can run in parallel.

        z = sigmoid(x_t · W_z + b_z)
        n = g(x_t · W_n + b_n)                g(x) = x + 0.5 where x ≥ 0, else sigmoid(x)
        h_t = (1 - z) * h_{t-1} + z * n

    There are no recurrent weights, so `init` and `weight_scale` have nothing to act on.

    Source: Feng, Tung, Ahmed, Bengio, Hajimirsadeghi, "Were RNNs all we needed?", arXiv:2410.01201, 2024, section 3.1,
    with the candidate of appendix B, which keeps the state positive: the form that is trained there, in log space.
    """

    name = "min_gru"
    family = "linear"
    gate_roles = {"z": "update gate: overwrites"}

    update_bias: float = overwriting_bias("update gate")

    def parameters(self, input_size: int, hidden_size: int) -> dict[str, Parameter]:
        return {
            "x_z": Parameter((input_size, hidden_size), "dense"),
            "x_n": Parameter((input_size, hidden_size), "dense"),
            "b_z": biases(hidden_size, self.overwriting(self.update_bias)),
            "b_n": Parameter((hidden_size,), "constant"),
        }

    def gates(self, w: Weights, x: Tensor, s: State) -> dict[str, Tensor]:
        return {"z": sigmoid(x @ w.x_z + w.b_z)}

    def step(self, w: Weights, x: Tensor, s: State) -> dict[str, Tensor]:
        z = sigmoid(x @ w.x_z + w.b_z)
        return {"h": s.h + z * (positive(x @ w.x_n + w.b_n) - s.h)}
