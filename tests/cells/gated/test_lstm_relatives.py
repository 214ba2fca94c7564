"""Cells around a cell state, against torchrecurrent, or their published equations where it has others."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor

from harness.cells import Weights
from harness.cells.gated.multiplicative_lstm import MultiplicativeLSTM
from harness.cells.gated.nas import NAS
from harness.cells.gated.res_lstm import ResidualLSTM
from harness.cells.gated.scrn import SCRN
from harness.cells.gated.strongly_typed import TGRU, TLSTM, TRNN
from harness.cells.gated.wmc_lstm import WorkingMemoryLSTM
from tests.helpers.references import SIZE, compare, gate_by_gate, one_by_one, rows, torchrecurrent


def none(like: Tensor) -> tuple[Tensor, Tensor]:
    """Two states before the first step."""
    zeros = torch.zeros(len(like), SIZE, dtype=like.dtype)
    return zeros, zeros


def test_multiplicative_lstm() -> None:
    def given(w: Weights) -> dict[str, Tensor]:
        return {
            "weight_ih": rows(w, "x_m", "x_i", "x_f", "x_n", "x_o"),
            "weight_hh": w.h_m.mT,
            "weight_mh": rows(w, "h_i", "h_f", "h_n", "h_o"),
            "bias_mh": rows(w, "b_i", "b_f", "b_n", "b_o"),
        }

    compare(MultiplicativeLSTM(), torchrecurrent("MultiplicativeLSTMCell", given))


def test_residual_lstm() -> None:
    usual = gate_by_gate("i", "f", "n", "o")

    def given(w: Weights) -> dict[str, Tensor]:
        peepholes = rows(w, "p_i", "p_f", "p_o")
        return {**usual(w), "weight_ph": peepholes, "weight_proj": w.projection.mT, "weight_res": w.residual.mT}

    compare(ResidualLSTM(), torchrecurrent("ResLSTMCell", given))


def test_working_memory_lstm() -> None:
    usual = gate_by_gate("i", "f", "n", "o")
    reference = torchrecurrent("WMCLSTMCell", lambda w: {**usual(w), "weight_mh": rows(w, "c_i", "c_f", "c_o")})
    compare(WorkingMemoryLSTM(), reference)


def test_nas_is_its_authors_tree() -> None:
    """Compared once with ``NASCell`` (tensorflow/addons, rnn/nas_cell.py, d208d75), in torch: to 1e-16."""

    def tree(w: Weights, x: Tensor, state: Any) -> tuple[Tensor, Any]:
        c, h = state or none(x)
        from_input = (x @ w.input).split(SIZE, dim=1)
        from_state = (h @ w.recurrent + w.bias).split(SIZE, dim=1)
        kinds = [torch.sigmoid, torch.relu, torch.sigmoid, torch.relu, torch.tanh, torch.sigmoid, torch.tanh]
        leaves = [
            kind(a * b if place == 3 else a + b)
            for place, (kind, a, b) in enumerate(zip([*kinds, torch.sigmoid], from_input, from_state, strict=True))
        ]
        one, two = torch.tanh(leaves[0] * leaves[1]), torch.tanh(leaves[2] + leaves[3])
        three, four = torch.tanh(leaves[4] * leaves[5]), torch.sigmoid(leaves[6] + leaves[7])
        c = torch.tanh(one + c) * two
        h = torch.tanh(c * torch.tanh(three + four))
        return h, (c, h)

    compare(NAS(), one_by_one(tree))


def test_scrn_is_its_equations() -> None:
    """Read beside ``SCRNCell`` (pvgladkov/scrnn-tensorflow, context_rnn.py, 93b0f35): the same equations."""

    def equations(w: Weights, x: Tensor, state: Any) -> tuple[Tensor, Any]:
        h, c = state or none(x)
        c = 0.1 * (x @ w.context) + 0.9 * c
        h = torch.sigmoid(x @ w.input + c @ w.from_context + h @ w.recurrent + w.bias)
        return torch.cat([h, c], dim=1), (h, c)

    compare(SCRN(alpha=0.9), one_by_one(equations))


def test_t_rnn() -> None:
    def given(w: Weights) -> dict[str, Tensor]:
        return {"weight_ih": w.input.mT, "bias_ih": torch.cat([0 * w.bias, w.bias])}

    compare(TRNN(), torchrecurrent("TRNNCell", given))


@pytest.mark.parametrize("cell", [TGRU(), TLSTM()], ids=["t_gru", "t_lstm"])
def test_t_gru_and_t_lstm(cell: Any) -> None:
    def given(w: Weights) -> dict[str, Tensor]:
        return {"weight_ih": w.input.mT, "weight_hh": w.input_before.mT, "bias_ih": w.bias}

    state = (lambda result: result) if cell.name == "t_gru" else (lambda result: result[1])
    compare(cell, torchrecurrent(f"{cell.name.replace('_', '').upper()}Cell", given, state=state))
