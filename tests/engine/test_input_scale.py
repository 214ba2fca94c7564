"""The factor on the input weights, as they start."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from harness.base.errors import UserError
from harness.cells import Cell, Parameter, State, Weights
from harness.cells.module import Module
from harness.engine.network import Network
from harness.engine.weights import Architecture, MemberInit
from harness.plugins.registry import registry
from harness.settings.members import members, packs
from harness.testing._problems import small_runs
from tests.conftest import Config


def start(cell: Cell, scales: list[float], block: str = "plain", embedded: int | None = None) -> dict[str, Tensor]:
    shape = Architecture(cell, 4, 4, 2, 2, block, embedded)
    inits = [MemberInit(cell, 0, "gaussian", 1.1, scale) for scale in scales]
    return Network.create(shape, inits, torch.float64, "cpu", compiled=False).weights


@pytest.mark.parametrize(
    ("cell", "scaled"),
    [("rnn", ["input"]), ("lstm", ["input"]), ("gru", ["input", "x_n"]), ("lru", ["b_re", "b_im", "d"])],
)
def test_it_multiplies_what_the_inputs_enter_and_nothing_else(cell: str, scaled: list[str]) -> None:
    made: Cell = registry().get("cell", cell)()
    for name, value in start(made, [1.0, 0.25]).items():
        factor = 0.25 if name.partition(".")[2] in scaled else 1.0
        assert value[1].equal(factor * value[0]), name


def test_around_a_cell_it_acts_on_the_cells_own_weights() -> None:
    made: Cell = registry().get("cell", "rnn")()
    for name, value in start(made, [1.0, 0.25], "residual", 3).items():
        assert value[1].equal((0.25 if name.endswith(".input") else 1.0) * value[0]), name


def test_a_module_of_one_unit_is_asked_for_no_fewer_inputs_than_one() -> None:
    cell = Module(path="torch.nn:RNNCell")
    inits = [MemberInit(cell, 0, "gaussian", 1.1, scale) for scale in (1.0, 0.25)]
    made = Network.create(Architecture(cell, 4, 1, 1, 2), inits, torch.float64, "cpu", compiled=False)
    for name, value in made.weights.items():
        assert value[1].equal((0.25 if name == "layer1.weight_ih" else 1.0) * value[0]), name


def test_runs_of_many_scales_train_together(config: Config) -> None:
    assert packs("input_scale", ["rnn"])
    assert [each.input_scale for each in members(config(input_scale=[0.5, 1.0, 2.0]))] == [0.5, 1.0, 2.0]
    with pytest.raises(UserError, match=r"^input_scale=-1: .*greater than or equal to 0"):
        members(config(input_scale=-1))


class Deaf(Cell):
    """Reads nothing."""

    name = "deaf"

    def parameters(self, input_size: int, hidden_size: int) -> dict[str, Parameter]:
        return {"recurrent": Parameter((hidden_size, hidden_size), "recurrent")}

    def step(self, w: Weights, x: Tensor, s: State) -> dict[str, Tensor]:
        return {"h": s["h"] @ w["recurrent"]}


def test_where_no_weight_reads_the_inputs_it_says_so() -> None:
    with pytest.raises(UserError, match=r"^input_scale=0\.5: no weight of cell=deaf reads the inputs; valid: 1$"):
        small_runs(cell=Deaf(), input_scale=0.5)
    (run,) = small_runs(cell=Deaf())
    assert run.input_scale == 1
