from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import Field

from harness.cells.base import Parameter, State, Weights
from harness.cells.functions import sigmoid, tanh
from harness.cells.gating import Gated, biases, overwriting_bias

if TYPE_CHECKING:
    from torch import Tensor


class RHN(Gated):
    """Recurrent highway network: several layers of highway gates between one step and the next.

        s_0 = h_{t-1};  for l = 1 … depth, with x_t in the first one alone:
            n   = tanh(x_t · W_xn + s_{l-1} · W_ln + b_ln)
            t   = sigmoid(x_t · W_xt + s_{l-1} · W_lt + b_lt)
            s_l = t * n + (1 - t) * s_{l-1}
        h_t = s_depth

    Source: Zilly, Srivastava, Koutnik, Schmidhuber, "Recurrent highway networks", ICML 2017, equations 6 to 9, with
    the carry gate 1 - t, as in all of its experiments. A transform bias of -2: the authors' code for Penn Treebank.
    """

    name = "rhn"
    family = "gated"
    gate_roles = {"t": "transform gate of the first layer: overwrites"}

    depth: int = Field(3, ge=1, description="highway layers per step; 1 is one gated step")
    update_bias: float = overwriting_bias("transform gates", -2.0)

    def parameters(self, input_size: int, hidden_size: int) -> dict[str, Parameter]:
        """Blocks n, t side by side; ``recurrent_l`` and ``bias_l`` of layer l."""
        found = {"input": Parameter((input_size, 2 * hidden_size), "dense")}
        for layer in range(1, self.depth + 1):
            found[f"recurrent_{layer}"] = Parameter((hidden_size, 2 * hidden_size), "recurrent")
            found[f"bias_{layer}"] = biases(hidden_size, 0.0, self.overwriting(self.update_bias))
        return found

    def gates(self, w: Weights, x: Tensor, s: State) -> dict[str, Tensor]:
        _, t = (x @ w.input + s.h @ w.recurrent_1 + w.bias_1).chunk(2, dim=-1)
        return {"t": sigmoid(t)}

    def keeps(self, w: Weights, x: Tensor, s: State, hidden_size: int) -> Tensor | None:
        h, kept = s.h, s.h.new_ones(())
        for layer in range(1, self.depth + 1):
            read = h @ w[f"recurrent_{layer}"] + w[f"bias_{layer}"]
            n, t = (x @ w.input + read if layer == 1 else read).chunk(2, dim=-1)
            h, kept = h + sigmoid(t) * (tanh(n) - h), kept * (1 - sigmoid(t))
        return kept

    def step(self, w: Weights, x: Tensor, s: State) -> dict[str, Tensor]:
        h = s.h
        for layer in range(1, self.depth + 1):
            read = h @ w[f"recurrent_{layer}"] + w[f"bias_{layer}"]
            n, t = (x @ w.input + read if layer == 1 else read).chunk(2, dim=-1)
            h = h + sigmoid(t) * (tanh(n) - h)
        return {"h": h}
