from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from pydantic import Field

from harness.base.options import INIT_ONLY
from harness.cells.base import Parameter, State, Weights
from harness.cells.functions import floor, sigmoid, tanh, where
from harness.cells.gating import Gated, gates, keeping_bias

if TYPE_CHECKING:
    from torch import Tensor


class PhasedLSTM(Gated):
    """LSTM whose units may change only while a gate of time is open, each with a rhythm of its own.

        i, f = sigmoid(x_t · W_x + h_{t-1} · W_h + p * c_{t-1} + b)      one W_x, W_h, p, b each
        c'   = f * c_{t-1} + i * tanh(x_t · W_xc + h_{t-1} · W_hc + b_c)
        o    = sigmoid(x_t · W_xo + h_{t-1} · W_ho + p_o * c' + b_o)
        h'   = o * tanh(c')
        φ    = ((t - s) mod τ) / τ
        k    = 2 φ / r  if φ < r/2,   2 - 2 φ / r  if r/2 < φ < r,   α φ  elsewhere
        c_t  = k * c' + (1 - k) * c_{t-1}
        h_t  = k * h' + (1 - k) * h_{t-1}

    Each unit learns its period τ and shift s; r, the share of the period in which it is open, and the leak α are
    fixed. t counts steps from 0. While a unit is closed its gradient passes nearly unchanged.

    Source: Neil, Pfeiffer, Liu, "Phased LSTM: accelerating recurrent network training for long or event-based
    sequences", NIPS 2016, equations 1 to 10. τ starts as e^u with u uniform over 0 … `log_period`, s uniform over the
    period, as there. Difference: α leaks at evaluation, too; in the paper in training alone.
    """

    name = "phased_lstm"
    family = "continuous"
    parts = ("h", "c", "t")
    memory = "h"  # held by k like c, whose gradient at the step of an answer is 0: h_t reads c' and not c_t
    gate_roles = {
        "i": "input gate: writes",
        "f": "forget gate: keeps",
        "k": "time gate: lets change",
    }

    open_share: float = Field(0.05, gt=0, le=1, description="r: share of a period in which a unit is open")
    leak: float = Field(0.001, ge=0, le=1, description="α: how far the gate opens in the rest of the period")
    log_period: float = Field(
        3.0, gt=0, json_schema_extra=INIT_ONLY, description="periods start between 1 and e to this power, in steps"
    )
    forget_bias: float = keeping_bias("forget gate")

    def parameters(self, input_size: int, hidden_size: int) -> dict[str, Parameter]:
        """Peepholes start at 0; ``rhythm`` has the blocks τ and s."""

        def rhythm(rng: np.random.Generator) -> np.ndarray:
            period = np.exp(rng.uniform(0, self.log_period, hidden_size))
            return np.concatenate([period, period * rng.uniform(0, 1, hidden_size)])

        bias = {"i": self.overwriting(0.0), "f": self.keeping(self.forget_bias)}
        return {
            **gates("i", "f", "c", "o", input_size=input_size, hidden_size=hidden_size, bias=bias),
            **{f"p_{gate}": Parameter((hidden_size,), "constant") for gate in ("i", "f", "o")},
            "rhythm": Parameter((2 * hidden_size,), "drawn", draw=rhythm),
        }

    def widths(self, hidden_size: int) -> dict[str, int]:
        return {"h": hidden_size, "c": hidden_size, "t": 1}

    def gates(self, w: Weights, x: Tensor, s: State) -> dict[str, Tensor]:
        i, f = self._input_and_forget(w, x, s)
        return {"i": i, "f": f, "k": self._open(w, s)}

    def keeps(self, w: Weights, x: Tensor, s: State, hidden_size: int) -> Tensor | None:
        return 1 - self._open(w, s)

    def step(self, w: Weights, x: Tensor, s: State) -> dict[str, Tensor]:
        i, f = self._input_and_forget(w, x, s)
        k = self._open(w, s)
        c = f * s.c + i * tanh(x @ w.x_c + s.h @ w.h_c + w.b_c)
        o = sigmoid(x @ w.x_o + s.h @ w.h_o + w.p_o * c + w.b_o)
        h = o * tanh(c)
        return {"h": s.h + k * (h - s.h), "c": s.c + k * (c - s.c), "t": s.t + 1}

    def _input_and_forget(self, w: Weights, x: Tensor, s: State) -> tuple[Tensor, Tensor]:
        i = sigmoid(x @ w.x_i + s.h @ w.h_i + w.p_i * s.c + w.b_i)
        f = sigmoid(x @ w.x_f + s.h @ w.h_f + w.p_f * s.c + w.b_f)
        return i, f

    def _open(self, w: Weights, s: State) -> Tensor:
        """The time gate k."""
        period, shift = w.rhythm.chunk(2, dim=-1)
        turns = (s.t - shift) / period
        phase = turns - floor(turns)
        share = phase * (2 / self.open_share)
        return where(phase < self.open_share / 2, share, where(phase < self.open_share, 2 - share, self.leak * phase))
