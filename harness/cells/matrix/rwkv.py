from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from harness.cells.base import Cell, Parameter, State, Weights
from harness.cells.functions import exp, maximum, sigmoid

if TYPE_CHECKING:
    from torch import Tensor


class RWKV(Cell):
    """Time mixing of RWKV-4: attention over the past with weights that decay per unit, as two running sums.

        u = x_t · W                                     the part ``last`` keeps it for the next step
        k = (μ_k * u + (1 - μ_k) * last) · W_k          v and r alike
        h_t = sigmoid(r) * (a_{t-1} + exp(b + k) * v) / (z_{t-1} + exp(b + k))
        a_t = exp(-exp(w)) * a_{t-1} + exp(k) * v
        z_t = exp(-exp(w)) * z_{t-1} + exp(k)

    a and z are kept divided by exp(m), where m is the largest exponent so far (decayed as they are), so that nothing
    overflows. There are no recurrent weights, so `init` and `weight_scale` have nothing to act on; w, b and μ start as
    in the first layer of the authors' implementation.

    Source: Peng, Alcaide, Anthony et al., "RWKV: reinventing RNNs for the transformer era", Findings of EMNLP 2023,
    section 3 and the appendix on its numerical stability. u is the layer before it; the output's projection and the
    channel mixing are not the cell's.
    """

    name = "rwkv"
    family = "matrix"
    parts = ("h", "a", "z", "m", "last")
    memory = "a"
    gate_roles = {"r": "receptance: tells"}

    def parameters(self, input_size: int, hidden_size: int) -> dict[str, Parameter]:
        n = np.arange(hidden_size)
        share = n / hidden_size
        decay = -5 + 8 * (n / max(hidden_size - 1, 1)) ** 0.7
        bonus = np.log(0.3) + ((n + 1) % 3 - 1) * 0.5
        starts = {"w": decay, "bonus": bonus, "mix_k": share, "mix_v": share, "mix_r": share**0.5}
        return {
            "input": Parameter((input_size, hidden_size), "dense"),
            **{f"u_{name}": Parameter((hidden_size, hidden_size), "dense") for name in "kvr"},
            **{
                name: Parameter((hidden_size,), "constant", tuple(map(float, values)))
                for name, values in starts.items()
            },
        }

    def weights(self, p: Weights) -> dict[str, Tensor]:
        """With exp(w) in the place of w."""
        return {**p, "w": p.w.exp()}

    def gates(self, w: Weights, x: Tensor, s: State) -> dict[str, Tensor]:
        return {"r": sigmoid((s.last + w.mix_r * (x @ w.input - s.last)) @ w.u_r)}

    def keeps(self, w: Weights, x: Tensor, s: State, hidden_size: int) -> Tensor | None:
        return exp(-w.w)

    def step(self, w: Weights, x: Tensor, s: State) -> dict[str, Tensor]:
        u = x @ w.input
        k, v, r = (
            (s.last + mix * (u - s.last)) @ weight
            for mix, weight in ((w.mix_k, w.u_k), (w.mix_v, w.u_v), (w.mix_r, w.u_r))
        )
        now = maximum(s.m, w.bonus + k)
        past, new = exp(s.m - now), exp(w.bonus + k - now)
        h = sigmoid(r) * (past * s.a + new * v) / (past * s.z + new)
        m = maximum(s.m - w.w, k)
        past, new = exp(s.m - w.w - m), exp(k - m)
        return {"h": h, "a": past * s.a + new * v, "z": past * s.z + new, "m": m, "last": u}
