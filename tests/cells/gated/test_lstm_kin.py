"""LSTM's kin: several gates around a cell state, against torchrecurrent; LEM against the paper's equations."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from harness.cells import Weights
from harness.cells.gated.lem import LEM
from harness.cells.gated.lstm_1997 import LSTM1997
from harness.cells.gated.lstm_peephole import PeepholeLSTM
from harness.cells.gated.mc_lstm import MCLSTM
from harness.cells.gated.ran import RAN
from tests.helpers.references import SIZE, compare, gate_by_gate, one_by_one, rows, torchrecurrent


def test_lstm_peephole() -> None:
    def given(w: Weights) -> dict[str, torch.Tensor]:
        return {**gate_by_gate("i", "f", "g", "o")(w), "weight_ph": rows(w, "p_i", "p_f", "p_o")}

    compare(PeepholeLSTM(), torchrecurrent("PeepholeLSTMCell", given))


def test_lstm_1997_is_squashed_by_scaled_sigmoids() -> None:
    def given(w: Weights) -> dict[str, torch.Tensor]:
        halved = {key: w[key] / 2 if key.endswith("_g") else w[key] for key in w}  # tanh(x / 2) = 2 sigmoid(x) - 1
        return gate_by_gate("i", "g", "o")(type(w)(halved))

    compare(LSTM1997(), torchrecurrent("OriginalLSTMCell", given))


def test_mc_lstm() -> None:
    reference = torchrecurrent("MCLSTMCell", gate_by_gate("f", "i", "o", "m", "g"), state=lambda result: result[1])
    compare(MCLSTM(), reference)


def test_ran() -> None:
    def given(w: Weights) -> dict[str, torch.Tensor]:
        return {**gate_by_gate("i", "f")(w), "weight_ih": rows(w, "x_c", "x_i", "x_f")}

    compare(RAN(), torchrecurrent("RANCell", given))


@pytest.mark.parametrize("time_step", [1.0, 0.5])
def test_lem_reads_the_new_z(time_step: float) -> None:
    def paper(w: Weights, u: torch.Tensor, before: Any) -> tuple[torch.Tensor, Any]:
        """The paper's equations with its names, for columns u, y and z.

        Compared once with ``LEMCell`` of the authors' src/adding/network.py (tk-rusch/LEM, 833da6b): outputs to 1e-16,
        gradients to 2e-15.
        """
        y, z = before or (torch.zeros(SIZE, len(u), dtype=u.dtype), torch.zeros(SIZE, len(u), dtype=u.dtype))
        w_1, w_2, w_z, w_y = w.h_a.T, w.h_d.T, w.h_z.T, w.z_n.T
        v_1, v_2, v_z, v_y = w.x_a.T, w.x_d.T, w.x_z.T, w.x_n.T
        b_1, b_2, b_z, b_y = (w[name][:, None] for name in ("b_a", "b_d", "b_z", "b_n"))
        step = time_step / (1 + torch.exp(-(w_1 @ y + v_1 @ u.T + b_1)))
        other = time_step / (1 + torch.exp(-(w_2 @ y + v_2 @ u.T + b_2)))
        z = (1 - step) * z + step * torch.tanh(w_z @ y + v_z @ u.T + b_z)
        y = (1 - other) * y + other * torch.tanh(w_y @ z + v_y @ u.T + b_y)
        return y.T, (y, z)

    compare(LEM(time_step=time_step), one_by_one(paper))
