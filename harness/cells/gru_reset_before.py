from __future__ import annotations

from typing import TYPE_CHECKING

from harness.cells.base import GeneralCell, Parameter, State, Weights

if TYPE_CHECKING:
    from torch import Tensor


class ResetBeforeGRU(GeneralCell):
    """Gated recurrent unit as first published: the reset gate is applied before the candidate's product.

        r = sigmoid(x_t · W_xr + h_{t-1} · W_hr + b_r)
        z = sigmoid(x_t · W_xz + h_{t-1} · W_hz + b_z)
        n = tanh(x_t · W_xn + (r * h_{t-1}) · W_hn + b_n)
        h_t = (1 - z) * n + z * h_{t-1}

    The second product needs the result of the first, so that this is no recurrent product with a pointwise step.

    Source: Cho et al., "Learning phrase representations using RNN encoder-decoder", EMNLP 2014, equations 5 to 8;
    Keras' ``GRU(reset_after=False)``.
    """

    name = "gru_reset_before"

    def parameters(self, input_size: int, hidden_size: int) -> dict[str, Parameter]:
        """``input``, ``recurrent`` and ``bias``, each with the blocks r, z, n."""
        return {
            "input": Parameter((input_size, 3 * hidden_size), "dense"),
            "recurrent": Parameter((hidden_size, 3 * hidden_size), "recurrent"),
            "bias": Parameter((3 * hidden_size,), "constant"),
        }

    def apply(self, weights: Weights, x: Tensor, state: State) -> State:
        """See `harness.cells.Cell.apply`."""
        h, size = state["h"], state["h"].shape[-1]
        pre = x @ weights["input"] + weights["bias"][:, None]
        gates = (pre[..., : 2 * size] + h @ weights["recurrent"][..., : 2 * size]).sigmoid()
        r, z = gates.chunk(2, dim=-1)
        n = (pre[..., 2 * size :] + (r * h) @ weights["recurrent"][..., 2 * size :]).tanh()
        return {"h": n + z * (h - n)}

    def stored_per_step(self, hidden_size: int) -> int:
        """See `harness.cells.Cell.stored_per_step`: what autograd stores of a step (pre, r, z, r * h, n, h - n, h)."""
        return 9 * hidden_size
