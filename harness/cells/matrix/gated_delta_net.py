from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from harness.cells.base import Parameter, State, Weights
from harness.cells.functions import exp, softplus
from harness.cells.matrix._memory import spread
from harness.cells.matrix.delta_net import DeltaNet

if TYPE_CHECKING:
    from torch import Tensor

DT_MIN, DT_MAX, A_MAX = 0.001, 0.1, 16.0


class GatedDeltaNet(DeltaNet):
    """DeltaNet that also forgets: the input scales down all that a head holds before the step writes.

        α = exp(-exp(a) softplus(x_t · W_α + b_α))      a number of each head
        S_t = α S_{t-1} + β kᵀ (v - k α S_{t-1})        q, k, v, β and y_t as in `DeltaNet`

    exp(a) starts uniformly between 0 and 16, softplus(b_α) between 0.001 and 0.1, uniformly in the logarithm, as in
    Mamba 2.

    Source: Yang, Kautz, Hatamizadeh, "Gated delta networks: improving Mamba2 with delta rule", ICLR 2025,
    section 3; α as in its reference implementation. Short convolutions, output gate, normalisation and projection
    around it are not the cell's.
    """

    name = "gated_delta_net"
    gate_roles = {"b": "writing strength: overwrites", "a": "forget gate: keeps"}

    def parameters(self, input_size: int, hidden_size: int) -> dict[str, Parameter]:
        def step_size(rng: np.random.Generator) -> np.ndarray:
            dt = np.exp(rng.uniform(np.log(DT_MIN), np.log(DT_MAX), self.heads))
            return np.asarray(np.log(np.expm1(dt)))

        return super().parameters(input_size, hidden_size) | {
            "x_a": Parameter((input_size, self.heads), "dense"),
            "b_a": Parameter((self.heads,), "drawn", draw=step_size),
            "a": Parameter(
                (self.heads,), "drawn", draw=lambda rng: np.log(np.maximum(rng.uniform(0, A_MAX, self.heads), 1e-4))
            ),
        }

    def weights(self, p: Weights) -> dict[str, Tensor]:
        """With exp(a) in the place of a."""
        return {**p, "a": p.a.exp()}

    def gates(self, w: Weights, x: Tensor, s: State) -> dict[str, Tensor]:
        return super().gates(w, x, s) | {"a": exp(-(w.a * softplus(x @ w.x_a + w.b_a)))}

    def keeps(self, w: Weights, x: Tensor, s: State, hidden_size: int) -> Tensor | None:
        return self.gates(w, x, s)["a"]

    def step(self, w: Weights, x: Tensor, s: State) -> dict[str, Tensor]:
        kept = exp(-(w.a * softplus(x @ w.x_a + w.b_a)))
        return {"S": self.written(w, x, spread(kept, s.S.shape[-1]) * s.S)}
