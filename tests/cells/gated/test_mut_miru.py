"""Mutated units, minion recurrent units and other relatives of the GRU, against torchrecurrent."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor

from harness.cells import Weights
from harness.cells.gated.gru_reset_before import ResetBeforeGRU
from harness.cells.gated.miru import MiRU1, MiRU2
from harness.cells.gated.mut import MUT1, MUT2, MUT3
from harness.cells.gated.rhn import RHN
from harness.cells.gated.sgrn import SGRN
from harness.cells.gated.tau_gru import TauGRU
from tests.helpers.references import SIZE, compare, gate_by_gate, one_by_one, rows, torchrecurrent


def test_gru_reset_before_is_its_equations() -> None:
    """Compared once with ``GRUCell(reset_after=False)`` of Keras 3.15.1 over PyTorch: to 2e-15."""

    def equations(w: Weights, x: Tensor, state: Any) -> tuple[Tensor, Any]:
        h = state if state is not None else torch.zeros(len(x), SIZE, dtype=x.dtype)
        (w_r, w_z, w_n), (u_r, u_z, u_n), (b_r, b_z, b_n) = (
            each.chunk(3, dim=-1) for each in (w.input, w.recurrent, w.bias)
        )
        r, z = torch.sigmoid(x @ w_r + h @ u_r + b_r), torch.sigmoid(x @ w_z + h @ u_z + b_z)
        h = z * h + (1 - z) * torch.tanh(x @ w_n + (r * h) @ u_n + b_n)
        return h, h

    compare(ResetBeforeGRU(), one_by_one(equations))


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

    compare(TauGRU(delay=delay), one_by_one(step))


@pytest.mark.parametrize("depth", [1, 3])
def test_rhn_is_its_equations(depth: int) -> None:
    """Compared once with the authors' rhn.py (jzilly/RecurrentHighwayNetworks, 9ab03a3), in torch: to 1e-15."""

    def equations(w: Weights, x: Tensor, state: Any) -> tuple[Tensor, Any]:
        s = state if state is not None else torch.zeros(len(x), SIZE, dtype=x.dtype)
        for layer in range(1, depth + 1):
            r_h, r_t = w[f"recurrent_{layer}"].split(SIZE, dim=1)
            b_h, b_t = w[f"bias_{layer}"].split(SIZE)
            w_h, w_t = w.input.split(SIZE, dim=1)
            first = 1.0 if layer == 1 else 0.0  # the indicator of the first layer
            h = torch.tanh(first * (x @ w_h) + s @ r_h + b_h)
            t = torch.sigmoid(first * (x @ w_t) + s @ r_t + b_t)
            s = h * t + s * (1 - t)
        return s, s

    compare(RHN(depth=depth), one_by_one(equations))
