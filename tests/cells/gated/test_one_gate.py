"""Cells with one gate, against torchrecurrent."""

from __future__ import annotations

import pytest
import torch

from harness.cells import Cell, Weights
from harness.cells.gated.brc import BRC
from harness.cells.gated.fast_grnn import FastGRNN
from harness.cells.gated.fast_rnn import FastRNN
from harness.cells.gated.janet import JANET
from harness.cells.gated.li_gru import LiGRU
from harness.cells.gated.mgu import MGU
from harness.cells.gated.nbr import NBR
from harness.cells.gated.ugrnn import UGRNN
from tests.helpers.references import compare, gate_by_gate, rows, torchrecurrent


def test_mgu() -> None:
    compare(MGU(), torchrecurrent("MGUCell", gate_by_gate("f", "n")))


@pytest.mark.parametrize("beta", [1.0, 0.3])
def test_janet(beta: float) -> None:
    def given(w: Weights) -> dict[str, torch.Tensor]:
        return {**gate_by_gate("f", "n")(w), "beta": torch.tensor(beta, dtype=torch.float64)}

    compare(JANET(beta=beta), torchrecurrent("JANETCell", given))


def test_ugrnn() -> None:
    compare(UGRNN(), torchrecurrent("UGRNNCell", gate_by_gate("n", "g")))


def test_li_gru() -> None:
    compare(LiGRU(), torchrecurrent("LiGRUCell", gate_by_gate("z", "n")))


@pytest.mark.parametrize(("cell", "module"), [(BRC(), "BRCell"), (NBR(), "NBRCell")], ids=["brc", "nbr"])
def test_bistable_cells(cell: Cell, module: str) -> None:
    def given(w: Weights) -> dict[str, torch.Tensor]:
        return {
            "weight_ih": rows(w, "x_a", "x_c", "x_n"),
            "weight_hh": rows(w, "h_a", "h_c"),
            "bias_ih": rows(w, "b_a", "b_c", "b_n"),
        }

    compare(cell, torchrecurrent(module, given))


def test_fast_rnn() -> None:
    def given(w: Weights) -> dict[str, torch.Tensor]:
        return {**gate_by_gate("n")(w), "alpha": w.alpha, "beta": w.beta}

    compare(FastRNN(), torchrecurrent("FastRNNCell", given))


def test_fast_grnn_whose_gate_is_a_sigmoid() -> None:
    def given(w: Weights) -> dict[str, torch.Tensor]:
        shared = {"weight_ih": rows(w, "input"), "weight_hh": rows(w, "recurrent")}
        return {**shared, "bias_ih": rows(w, "b_z", "b_n"), "zeta": w.zeta, "nu": w.nu}

    compare(FastGRNN(), torchrecurrent("FastGRNNCell", given, nonlinearity="sigmoid"))
