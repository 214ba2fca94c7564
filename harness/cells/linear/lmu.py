from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import Field

from harness.cells.base import Cell, Parameter, State, Weights
from harness.cells.functions import tanh

if TYPE_CHECKING:
    from torch import Tensor


class LMU(Cell):
    """Legendre memory unit: a fixed linear system keeps a sliding window of one signal, as Legendre polynomials.

        u = x_t · e_x + h_{t-1} · e_h + m_{t-1} · e_m       one number
        m_t = m_{t-1} · Ā + u B̄                             ``order`` numbers
        h_t = tanh(x_t · W_x + h_{t-1} · W_h + m_t · W_m)

    Ā = exp(A / θ) and B̄ are the window's system A, B, held for a step each (zero-order hold), and are not learned; θ is
    the window's length in steps. `init` and `weight_scale` act on W_h.

    Source: Voelker, Kajić, Eliasmith, "Legendre memory units: continuous-time representation in recurrent neural
    networks", NeurIPS 2019, section 2, equations 4 (the window), 6 (h) and 7 (u); no biases, as there.
    """

    name = "lmu"
    family = "linear"
    parts = ("h", "m")
    memory = "m"

    order: int = Field(16, ge=1, description="numbers that describe the window")
    window: float = Field(100.0, gt=0, description="θ: length of the window in steps")

    def widths(self, hidden_size: int) -> dict[str, int]:
        return {"h": hidden_size, "m": self.order}

    def parameters(self, input_size: int, hidden_size: int) -> dict[str, Parameter]:
        def lecun(rows: int) -> Parameter:
            spread = (3 / rows) ** 0.5
            return Parameter((rows, 1), "drawn", draw=lambda rng: rng.uniform(-spread, spread, (rows, 1)))

        return {
            "input": Parameter((input_size, hidden_size), "dense"),
            "recurrent": Parameter((hidden_size, hidden_size), "recurrent"),
            "memory": Parameter((self.order, hidden_size), "dense"),
            "e_x": lecun(input_size),
            "e_h": lecun(hidden_size),
            "e_m": Parameter((self.order, 1), "constant"),
        }

    def weights(self, p: Weights) -> dict[str, Tensor]:
        """With Ā and B̄, for row vectors."""
        import torch

        n = torch.arange(self.order, dtype=torch.float64)
        row, column = n[:, None], n[None, :]
        a = (2 * row + 1) * torch.where(row < column, -1.0, (-1.0) ** (row - column + 1))
        b = ((2 * n + 1) * (-1.0) ** n)[:, None]
        whole = torch.zeros(self.order + 1, self.order + 1, dtype=torch.float64)
        whole[:-1] = torch.cat([a, b], dim=1) / self.window
        held = torch.linalg.matrix_exp(whole)[:-1].mT.to(p.memory).expand(len(p.memory), -1, -1)
        return {**p, "a": held[:, :-1], "b": held[:, -1:]}

    def step(self, w: Weights, x: Tensor, s: State) -> dict[str, Tensor]:
        u = x @ w.e_x + s.h @ w.e_h + s.m @ w.e_m
        m = s.m @ w.a + u @ w.b
        return {"h": tanh(x @ w.input + s.h @ w.recurrent + m @ w.memory), "m": m}
