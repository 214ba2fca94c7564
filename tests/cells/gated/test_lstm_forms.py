"""Forms of the LSTM, against their equations in Greff et al. 2017; and that the standard one is torch's."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from harness.base.errors import UserError
from harness.base.options import build
from harness.cells import Named, Weights
from harness.cells.base import as_in_a_step
from harness.cells.gated.lstm import LSTM
from harness.plugins.registry import registry
from harness.testing._problems import small_runs
from harness.training.pack import run
from tests.helpers.references import SIZE, compare, one_by_one

NAMES = {
    "no_input_gate": "lstm_nig", "no_forget_gate": "lstm_nfg", "no_output_gate": "lstm_nog",
    "coupled_gates": "lstm_cifg", "no_input_activation": "lstm_niaf", "no_output_activation": "lstm_noaf",
    "gate_recurrence": "lstm_fgr",
}  # fmt: skip
FORMS = list(NAMES)

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
    compare(cell, one_by_one(lambda w, x, state: equations(form, w, x, state)))


@pytest.mark.parametrize("form", FORMS)
def test_the_name_of_a_form_is_the_lstm_with_that_option_to_the_bit(form: str) -> None:
    named, plain = registry().get("cell", NAMES[form])(forget_bias=0.5), LSTM(form=form, forget_bias=0.5)
    one, two = (run(small_runs(cell=cell, seed=[0, 1])) for cell in (named, plain))
    assert set(one["runs"].cell) == {NAMES[form]}
    assert one["runs"]["cell.form"].tolist() == two["runs"]["cell.form"].tolist() == [form, form]
    for table, column in (("curves", "loss"), ("gradients", "grad_norm")):
        np.testing.assert_array_equal(one[table][column], two[table][column])


def test_the_name_of_a_form_takes_no_other_form() -> None:
    with pytest.raises(UserError, match=r"cell\.form=standard: input should be 'no_input_gate'"):
        build(registry().get("cell", "lstm_nig"), {"form": "standard"}, prefix="cell.")


def test_gates_that_are_left_out_are_open() -> None:
    for form, gate in (("no_input_gate", "i"), ("no_forget_gate", "f"), ("no_output_gate", "o")):
        cell = LSTM(form=form)
        x, size = torch.ones(1, 2, 3), (1, 2, SIZE)
        w = as_in_a_step({name: torch.zeros(1, *each.shape) for name, each in cell.parameters(3, SIZE).items()})
        found = cell.gates(w, x, Named(h=torch.zeros(size), c=torch.zeros(size)))
        assert found[gate].equal(torch.ones(size))
