"""Forms of the LSTM, against their equations in Greff et al. 2017; and that the standard one is torch's."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor

from harness.cells import Named, Weights
from harness.cells.base import as_in_a_step
from harness.cells.gated.lstm import LSTM
from harness.engine.scan.plan import planned_step
from harness.testing import check_cell
from tests.helpers.references import SIZE, compare

FORMS = [
    "no_input_gate", "no_forget_gate", "no_output_gate", "coupled_gates", "no_input_activation",
    "no_output_activation", "gate_recurrence",
]  # fmt: skip

BLOCKS = {"no_input_gate": "fog", "no_forget_gate": "iog", "no_output_gate": "ifg", "coupled_gates": "fog"}


def equations(form: str, w: Weights, x: Tensor, state: Any) -> tuple[Tensor, Any]:
    """A step as the paper writes it, block by block."""
    zeros = torch.zeros(len(x), SIZE, dtype=x.dtype)
    h, c, gates = state or (zeros, zeros, {"i": zeros, "f": zeros, "o": zeros})
    read = {}
    for place, block in enumerate(BLOCKS.get(form, "ifog")):
        columns = slice(place * SIZE, (place + 1) * SIZE)
        read[block] = x @ w.input[:, columns] + h @ w.recurrent[:, columns] + w.bias[columns]
    if form == "gate_recurrence":
        for place, to in enumerate("ifo"):
            columns = slice(place * SIZE, (place + 1) * SIZE)
            for source in "ifo":
                read[to] = read[to] + gates[source] @ w[f"from_{source}"][:, columns]
    i, f, o = (torch.sigmoid(read[gate]) if gate in read else torch.ones(()) for gate in "ifo")
    if form == "coupled_gates":
        i = 1 - f
    g = read["g"] if form == "no_input_activation" else torch.tanh(read["g"])
    c = f * c + i * g
    h = o * (c if form == "no_output_activation" else torch.tanh(c))
    return h, (h, c, {"i": i, "f": f, "o": o})


@pytest.mark.parametrize("form", FORMS)
def test_a_form_is_its_equations(form: str) -> None:
    cell = LSTM(form=form)
    assert planned_step(cell, 3, 4) is not None
    compare(cell, lambda w, x, state: equations(form, w, x, state))


@pytest.mark.parametrize("form", FORMS)
def test_a_form_keeps_the_contract(form: str) -> None:
    check_cell(LSTM(form=form))


def test_gates_that_are_left_out_are_open() -> None:
    for form, gate in (("no_input_gate", "i"), ("no_forget_gate", "f"), ("no_output_gate", "o")):
        cell = LSTM(form=form)
        x, size = torch.ones(1, 2, 3), (1, 2, SIZE)
        w = as_in_a_step({name: torch.zeros(1, *each.shape) for name, each in cell.parameters(3, SIZE).items()})
        found = cell.gates(w, x, Named(h=torch.zeros(size), c=torch.zeros(size)))
        assert found[gate].equal(torch.ones(size))
