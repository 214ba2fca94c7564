from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import Field

from harness.cells.base import Cell, Parameter, State, Weights
from harness.cells.functions import floor, tanh, where

if TYPE_CHECKING:
    from torch import Tensor


class Clockwork(Cell):
    """Clockwork RNN: modules that run at different clock rates; a slow one holds its state between its ticks.

        new = tanh(x_t · W_x + h_{t-1} · W_h + b)
        h_t = new where t mod T = 0, h_{t-1} elsewhere

    The units are divided into modules of equal size with the periods T = 1, 2, 4, …; a module hears itself and slower
    ones: the other blocks of W_h are 0. Steps count from t = 0, so that every module hears the first input. The
    gradient passes a unit that sleeps unchanged. Of H < `modules` units each is a module.

    Source: Koutník, Greff, Gomez, Schmidhuber, "A clockwork RNN", ICML 2014, section 3. The paper does not say at which
    t it begins to count.
    """

    name = "clockwork"
    family = "classic"
    parts = ("h", "t")

    modules: int = Field(4, ge=1, le=16, description="number of modules; the slowest runs every 2^(modules - 1) steps")

    def parameters(self, input_size: int, hidden_size: int) -> dict[str, Parameter]:
        return {
            "input": Parameter((input_size, hidden_size), "dense"),
            "recurrent": Parameter((hidden_size, hidden_size), "recurrent"),
            "bias": Parameter((hidden_size,), "constant"),
        }

    def weights(self, p: Weights) -> dict[str, Tensor]:
        """Blocks of W_h from faster modules to slower ones are 0; ``period`` holds each unit's period."""
        import torch

        members, size = p.bias.shape
        module = torch.arange(size, device=p.bias.device) * self.modules // size
        heard = (module[:, None] >= module).to(p.bias.dtype)
        period = (2**module).to(p.bias.dtype).expand(members, size)
        return {**p, "recurrent": p.recurrent * heard, "period": period}

    def widths(self, hidden_size: int) -> dict[str, int]:
        return {"h": hidden_size, "t": 1}

    def step(self, w: Weights, x: Tensor, s: State) -> dict[str, Tensor]:
        new = tanh(x @ w.input + s.h @ w.recurrent + w.bias)
        ticks = s.t - w.period * floor(s.t / w.period) < 0.5
        return {"h": where(ticks, new, s.h), "t": s.t + 1}
