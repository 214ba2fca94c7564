from __future__ import annotations

from abc import abstractmethod
from typing import TYPE_CHECKING

from harness.cells.base import Parameter, State, Weights
from harness.cells.functions import sigmoid, tanh
from harness.cells.gating import Gated, gates, overwriting_bias

if TYPE_CHECKING:
    from torch import Tensor


class Mutated(Gated):
    """What the three units have in common: a gate z that overwrites, and a gate r that resets."""

    family = "gated"
    gate_roles = {"z": "update gate: overwrites", "r": "reset gate: uses the past"}

    update_bias: float = overwriting_bias("update gate")

    def parameters(self, input_size: int, hidden_size: int) -> dict[str, Parameter]:
        bias = {"z": self.overwriting(self.update_bias)}
        return gates("z", "r", "n", input_size=input_size, hidden_size=hidden_size, bias=bias)

    def step(self, w: Weights, x: Tensor, s: State) -> dict[str, Tensor]:
        z, r = self.gates(w, x, s).values()
        n = tanh(self._input(w, x) + (r * s.h) @ w.h_n + w.b_n)
        return {"h": s.h + z * (n - s.h)}

    def gates(self, w: Weights, x: Tensor, s: State) -> dict[str, Tensor]:
        r = sigmoid(x @ w.x_r + s.h @ w.h_r + w.b_r)
        return {"z": sigmoid(self._update(w, x, s) + w.b_z), "r": r}

    @abstractmethod
    def _update(self, w: Weights, x: Tensor, s: State) -> Tensor:
        """What the update gate reads."""

    def _input(self, w: Weights, x: Tensor) -> Tensor:
        """What the candidate reads of the input."""
        return x @ w.x_n


class MUT1(Mutated):
    """First mutated unit: found by evolving gated units; the update gate sees the input alone.

        z   = sigmoid(x_t · W_xz + b_z)
        r   = sigmoid(x_t · W_xr + h_{t-1} · W_hr + b_r)
        n   = tanh((r * h_{t-1}) · W_hn + tanh(x_t · W_xn) + b_n)
        h_t = z * n + (1 - z) * h_{t-1}

    Source: Jozefowicz, Zaremba, Sutskever, "An empirical exploration of recurrent network architectures", ICML 2015,
    section 3.4. There n reads tanh(x_t) as it is, which takes as many inputs as units: W_xn brings it to that width.
    torchrecurrent has a second bias, within that tanh.
    """

    name = "mut1"

    def parameters(self, input_size: int, hidden_size: int) -> dict[str, Parameter]:
        found = super().parameters(input_size, hidden_size)
        del found["h_z"]
        return found

    def _update(self, w: Weights, x: Tensor, s: State) -> Tensor:
        return x @ w.x_z

    def _input(self, w: Weights, x: Tensor) -> Tensor:
        return tanh(x @ w.x_n)


class MUT2(Mutated):
    """Second mutated unit: found by evolving gated units; a GRU that resets before the product.

        z   = sigmoid(x_t · W_xz + h_{t-1} · W_hz + b_z)
        r   = sigmoid(x_t · W_xr + h_{t-1} · W_hr + b_r)
        n   = tanh((r * h_{t-1}) · W_hn + x_t · W_xn + b_n)
        h_t = z * n + (1 - z) * h_{t-1}

    Source: Jozefowicz, Zaremba, Sutskever, "An empirical exploration of recurrent network architectures", ICML 2015,
    section 3.4. There r reads x_t as it is, which takes as many inputs as units, and which tells it from a GRU; W_xr
    brings it to that width, as in torchrecurrent.
    """

    name = "mut2"

    def _update(self, w: Weights, x: Tensor, s: State) -> Tensor:
        return x @ w.x_z + s.h @ w.h_z


class MUT3(Mutated):
    """Third mutated unit: found by evolving gated units; the update gate sees a squashed state.

        z   = sigmoid(x_t · W_xz + tanh(h_{t-1}) · W_hz + b_z)
        r   = sigmoid(x_t · W_xr + h_{t-1} · W_hr + b_r)
        n   = tanh((r * h_{t-1}) · W_hn + x_t · W_xn + b_n)
        h_t = z * n + (1 - z) * h_{t-1}

    Source: Jozefowicz, Zaremba, Sutskever, "An empirical exploration of recurrent network architectures", ICML 2015,
    section 3.4.
    """

    name = "mut3"

    def _update(self, w: Weights, x: Tensor, s: State) -> Tensor:
        return x @ w.x_z + tanh(s.h) @ w.h_z
