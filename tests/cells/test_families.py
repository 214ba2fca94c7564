"""What holds for all cells of a family."""

from __future__ import annotations

import pytest

from harness.base.options import init_only
from harness.cells import Cell
from harness.engine.scan.plan import planned_step
from harness.plugins.registry import registry

CELLS: list[Cell] = [registry().get("cell", name)() for name in registry().names("cell")]
GATED = [cell for cell in CELLS if cell.family == "gated"]


@pytest.mark.parametrize("cell", GATED, ids=lambda cell: cell.name)
def test_gated_cells_are_read_by_the_engine(cell: Cell) -> None:
    assert planned_step(cell, 3, 4) is not None


@pytest.mark.parametrize("cell", GATED, ids=lambda cell: cell.name)
def test_biases_of_gates_change_how_weights_start_and_nothing_else(cell: Cell) -> None:
    biases = {option for option in type(cell).model_fields if option.endswith("_bias")}
    assert biases <= set(init_only(type(cell)))
    for bias in biases if cell.name != "lstm_nfg" else ():  # it has no forget gate
        made = [cell.model_copy(update={bias: value}).parameters(2, 3) for value in (1.5, 2.5)]
        starts = [{name: parameter.start for name, parameter in each.items()} for each in made]
        assert starts[0] != starts[1]
