"""Mutated units, minimal recurrent units and other relatives of the GRU, against torchrecurrent."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor

from harness.cells import Weights
from harness.cells.gated.miru import MiRU1, MiRU2
from harness.cells.gated.mut import MUT1, MUT2, MUT3
from harness.cells.gated.rhn import RHN
from harness.cells.gated.sgrn import SGRN
from harness.cells.gated.tau_gru import TauGRU
from harness.engine.scan.plan import planned_step
from harness.testing import check_cell
from tests.helpers.references import SIZE, compare, gate_by_gate, rows, torchrecurrent

CELLS = [MUT1(), MUT2(), MUT3(), MiRU1(), MiRU2(), SGRN(), TauGRU(delay=3), RHN(depth=2)]


@pytest.mark.parametrize("cell", CELLS, ids=lambda cell: str(cell.name))
def test_a_cell_is_compiled_and_keeps_the_contract(cell: Any) -> None:
    assert planned_step(cell, 3, 4) is not None
    check_cell(cell)


def test_mut1() -> None:
    def given(w: Weights) -> dict[str, Tensor]:
        zeros = torch.zeros(SIZE, dtype=torch.float64)
        return {
            "weight_ih": rows(w, "x_z", "x_r", "x_n"),
            "weight_hh": rows(w, "h_r", "h_n"),
            "bias_ih": torch.cat([w.b_z, w.b_r, zeros]),  # the one within the inner tanh is not in the paper
            "bias_hh": torch.cat([zeros, w.b_n]),
        }

    compare(MUT1(), torchrecurrent("MUT1Cell", given))


@pytest.mark.parametrize("cell", [MUT2(), MUT3()], ids=["mut2", "mut3"])
def test_mut2_and_mut3(cell: Any) -> None:
    compare(cell, torchrecurrent(f"{cell.name.upper()}Cell", gate_by_gate("z", "r", "n")))


def test_miru1() -> None:
    compare(MiRU1(keep=0.7), torchrecurrent("MiRU1Cell", gate_by_gate("r", "n"), update_coefficient=0.7))


def test_miru2() -> None:
    reference = torchrecurrent("MiRU2Cell", gate_by_gate("n"), update_coefficient=0.7, reset_coefficient=0.4)
    compare(MiRU2(keep=0.7, reset=0.4), reference)


def test_sgrn() -> None:
    def given(w: Weights) -> dict[str, Tensor]:
        return {
            "weight_ih": w.input.mT,
            "weight_hh": w.recurrent.mT,
            "bias_ih": w.bias_input,
            "bias_hh": w.bias_recurrent,
        }

    compare(SGRN(), torchrecurrent("SGRNCell", given))


@pytest.mark.parametrize("delay", [1, 3])
def test_tau_gru(delay: int) -> None:
    package = pytest.importorskip("torchrecurrent")
    module = package.tauGRUCell(3, SIZE, dtype=torch.float64)
    given = gate_by_gate("u", "n", "g", "a")

    def step(w: Weights, x: Tensor, states: Any) -> tuple[Tensor, Any]:
        states = states or [torch.zeros(len(x), SIZE, dtype=x.dtype)] * (delay + 1)
        found = {**given(w), "bias_hh": torch.zeros(4 * SIZE, dtype=x.dtype)}
        h = torch.func.functional_call(module, found, (x, states[-1], states[0]))
        return h, [*states[1:], h]

    compare(TauGRU(delay=delay), step)


@pytest.mark.parametrize("depth", [1, 3])
def test_rhn(depth: int) -> None:
    package = pytest.importorskip("torchrecurrent")
    module = package.RHNCell(3, SIZE, depth=depth).double()
    unused = torch.zeros(SIZE, dtype=torch.float64)  # of the carry gate, which is coupled

    def step(w: Weights, x: Tensor, state: Any) -> tuple[Tensor, Any]:
        given = {}
        for layer in range(depth):
            weight, bias = w[f"recurrent_{layer + 1}"].mT, w[f"bias_{layer + 1}"]
            if layer == 0:
                weight = torch.cat([w.input.mT, weight], dim=1)
            given[f"units.{layer}.weight"] = torch.cat([weight, torch.zeros_like(weight[:SIZE])])
            given[f"units.{layer}.bias"] = torch.cat([bias, unused])
        h = torch.func.functional_call(module, given, (x, state))
        return h, h

    compare(RHN(depth=depth), step)
