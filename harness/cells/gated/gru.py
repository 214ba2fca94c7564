from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from harness.cells.base import Parameter, State, TorchLayer, Weights
from harness.cells.functions import join, sigmoid, tanh
from harness.cells.gating import Gated, biases, keeping_bias

if TYPE_CHECKING:
    from torch import Tensor

    from harness.theory.base import Theory


class GRU(Gated):
    """Gated recurrent unit: a reset gate r and an update gate z decide what is overwritten.

        r = sigmoid(x_t · W_xr + h_{t-1} · W_hr + b_r)
        z = sigmoid(x_t · W_xz + h_{t-1} · W_hz + b_z)
        n = tanh(x_t · W_xn + b_n + r * (h_{t-1} · W_hn + b_m))
        h_t = (1 - z) * n + z * h_{t-1}

    Source: Cho et al., "Learning phrase representations using RNN encoder-decoder", EMNLP 2014; r is
    applied after the product, as in `torch.nn.GRU`.
    """

    name = "gru"
    family = "gated"
    colour = "#12967a"
    gate_roles = {"r": "reset gate: uses the past", "z": "update gate: keeps"}

    forget_bias: float = keeping_bias("update gate, which keeps where it is 1")

    def parameters(self, input_size: int, hidden_size: int) -> dict[str, Parameter]:
        """``input`` has the blocks n, r, z; ``recurrent`` r, z, m; ``bias`` n, r, z, m."""
        return {
            "input": Parameter((input_size, 3 * hidden_size), "dense"),
            "recurrent": Parameter((hidden_size, 3 * hidden_size), "recurrent"),
            "bias": biases(hidden_size, 0.0, 0.0, self.keeping(self.forget_bias), 0.0),
        }

    def of_torch(self) -> TorchLayer | None:
        """Torch has the blocks r, z, n (m where the state is read), and two biases for each."""

        def given(p: Mapping[str, Tensor]) -> dict[str, Tensor]:
            n, r, z = p["input"].chunk(3, dim=-1)
            b_n, b_r, b_z, b_m = p["bias"].chunk(4, dim=-1)
            return {
                "weight_ih": join(r, z, n).mT,
                "weight_hh": p["recurrent"].mT,
                "bias_ih": join(b_r, b_z, b_n),
                "bias_hh": join(0 * b_r, 0 * b_z, b_m),
            }

        def taken(w: Mapping[str, Tensor]) -> dict[str, Tensor]:
            r, z, n = w["weight_ih"].mT.chunk(3, dim=-1)
            (b_r, b_z, b_n), (also_r, also_z, b_m) = (w[name].chunk(3, dim=-1) for name in ("bias_ih", "bias_hh"))
            bias = join(b_n, b_r + also_r, b_z + also_z, b_m)
            return {"input": join(n, r, z), "recurrent": w["weight_hh"].mT, "bias": bias}

        return TorchLayer("GRU", given, taken)

    def theory(self) -> Theory | None:
        from harness.theory import GatedUnit

        return GatedUnit(self.forget_bias) if self.gate_init == "constant" else None

    def gates(self, w: Weights, x: Tensor, s: State) -> dict[str, Tensor]:
        _, r, z, _ = self._read(w, x, s)
        return {"r": sigmoid(r), "z": sigmoid(z)}

    def step(self, w: Weights, x: Tensor, s: State) -> dict[str, Tensor]:
        n, r, z, m = self._read(w, x, s)
        n = tanh(n + sigmoid(r) * m)
        return {"h": n + sigmoid(z) * (s.h - n)}

    def _read(self, w: Weights, x: Tensor, s: State) -> tuple[Tensor, ...]:
        x_n, x_r, x_z = (x @ w.input).chunk(3, dim=-1)
        h_r, h_z, h_m = (s.h @ w.recurrent).chunk(3, dim=-1)
        b_n, b_r, b_z, b_m = w.bias.chunk(4, dim=-1)
        return x_n + b_n, x_r + h_r + b_r, x_z + h_z + b_z, h_m + b_m
