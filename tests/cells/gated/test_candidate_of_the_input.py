"""Cells whose candidate sees the input alone, or the state by products alone, against torchrecurrent."""

from __future__ import annotations

import pytest
from torch import Tensor, nn

from harness.cells import Cell, Weights
from harness.cells.gated.atr import ATR
from harness.cells.gated.cfn import CFN
from harness.cells.gated.dsgu import DSGU
from harness.cells.gated.intersection import Intersection
from harness.cells.gated.light_ru import LightRU
from harness.cells.gated.minimal import Minimal
from harness.cells.gated.sgu import SGU
from harness.cells.gated.star import STAR
from tests.helpers.references import SIZE, compare, gate_by_gate, rows, torchrecurrent


def test_atr() -> None:
    def given(w: Weights) -> dict[str, Tensor]:
        return {
            "weight_ih": rows(w, "input"),
            "weight_hh": rows(w, "recurrent"),
            "bias_ih": w.b_p,
            "bias_hh": w.b_q,
        }

    compare(ATR(), torchrecurrent("ATRCell", given))


def test_star() -> None:
    def given(w: Weights) -> dict[str, Tensor]:
        return {"weight_ih": rows(w, "x_z", "x_k"), "weight_hh": rows(w, "h_k"), "bias_ih": rows(w, "b_z", "b_k")}

    compare(STAR(), torchrecurrent("STARCell", given))


def test_light_ru() -> None:
    def given(w: Weights) -> dict[str, Tensor]:
        return {"weight_ih": rows(w, "x_n", "x_f"), "weight_hh": rows(w, "h_f"), "bias_ih": rows(w, "b_n", "b_f")}

    compare(LightRU(), torchrecurrent("LightRUCell", given))


def test_minimal() -> None:
    def given(w: Weights) -> dict[str, Tensor]:
        return {
            "weight_ih": rows(w, "input"),
            "weight_hh": rows(w, "recurrent"),
            "weight_mm": rows(w, "latent"),
            "bias_ih": w.b_z,
            "bias_hh": w.b_u,
        }

    compare(Minimal(), torchrecurrent("MinimalRNNCell", given))


def test_cfn_has_no_bias_at_its_candidate() -> None:
    def given(w: Weights) -> dict[str, Tensor]:
        return {
            "weight_ih": rows(w, "x_f", "x_i", "x_n"),
            "weight_hh": rows(w, "h_f", "h_i"),
            "bias_hh": rows(w, "b_f", "b_i"),
        }

    compare(CFN(), torchrecurrent("CFNCell", given))


class TheanosHardSigmoid(nn.Module):
    """max(0, min(1, 0.2 x + 0.5)): torchrecurrent's own is PyTorch's, x / 6 + 0.5."""

    def forward(self, x: Tensor) -> Tensor:
        return nn.functional.hardtanh(0.2 * x + 0.5, 0.0, 1.0)


@pytest.mark.parametrize(("cell", "module"), [(SGU(), "SGUCell"), (DSGU(), "DSGUCell")], ids=["sgu", "dsgu"])
def test_simple_gated_units_have_the_hard_sigmoid_of_their_time(cell: Cell, module: str) -> None:
    def given(w: Weights) -> dict[str, Tensor]:
        return gate_by_gate("g", "z")(w) | ({"weight_ho": rows(w, "h_o")} if "h_o" in w else {})

    compare(cell, torchrecurrent(module, given, gate_nonlinearity=TheanosHardSigmoid()))


@pytest.mark.parametrize("features", [SIZE, 3])
def test_intersection_projects_inputs_that_are_not_as_wide_as_the_state(features: int) -> None:
    package = torchrecurrent(
        "IntersectionRNNCell", gate_by_gate("y", "n", "d", "a"), features=SIZE, state=lambda result: result[1]
    )

    def reference(w: Weights, x: Tensor) -> Tensor | list[Tensor]:
        return package(w, x @ w.project + w.b_project if features != SIZE else x)

    compare(Intersection(), reference, features=features)
