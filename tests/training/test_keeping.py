"""Keeping weights: which of the evaluations is kept, and what the files say."""

from __future__ import annotations

import json
import math
from pathlib import Path

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file
from torch import Tensor

from harness.cells.classic.rnn import RNN
from harness.engine.network import Network
from harness.engine.weights import Architecture
from harness.settings.members import members
from harness.settings.settings import Settings
from harness.training.keeping import Keeper, file_of
from tests.conftest import Config

LAYERS = {"layer1.input": (2, 3), "layer1.recurrent": (3, 3), "layer1.bias": (3,)}
SHAPES = {**LAYERS, "readout.weight": (3, 1), "readout.bias": (1,)}
SIZE = sum(math.prod(shape) for shape in SHAPES.values())


@pytest.fixture
def runs(config: Config) -> list[Settings]:
    return members(config(seed=[0, 1, 2]))


def network(*values: float) -> Network:
    """Members all of whose weights are one number."""
    return Network(Architecture(RNN(), 2, 3, 1, 1), torch.tensor(values)[:, None].expand(-1, SIZE).clone())


def kept(keeper: Keeper, run: Settings, which: str) -> tuple[float, int, float]:
    """What a file holds: the number, and the step and the loss that stand beside it."""
    path = file_of(keeper.folder, run.run_id, which)
    with safe_open(path, "pt") as file:
        about = file.metadata()
    weights: dict[str, Tensor] = load_file(path)
    assert {name: tuple(value.shape) for name, value in weights.items()} == SHAPES
    (number,) = {value.item() for each in weights.values() for value in each.flatten()}
    assert about["format"] == "pt"
    assert about["run_id"] == run.run_id
    assert json.loads(about["settings"]) == run.configuration()
    return number, int(about["step"]), float(about["loss"])


def test_the_last_weights_and_those_of_the_lowest_loss_are_kept(runs: list[Settings], tmp_path: Path) -> None:
    keeper = Keeper(tmp_path, runs, best=True)
    keeper.evaluated(network(10, 20), {0: 0, 1: 2}, 5, [0.5, math.nan])  # the rows of the network: runs 0 and 2
    keeper.evaluated(network(11, 21), {0: 0, 1: 2}, 6, [0.25, 0.75])
    keeper.evaluated(network(12, 22), {0: 0, 1: 2}, 7, [0.25, 0.5])
    keeper.evaluated(network(23), {0: 2}, 8, [0.625])  # run 0 has been left out
    keeper.write(network(0))
    assert kept(keeper, runs[0], "last") == (12, 7, 0.25)
    assert kept(keeper, runs[0], "best") == (11, 6, 0.25)  # the first of two that are as low
    assert kept(keeper, runs[2], "last") == (23, 8, 0.625)
    assert kept(keeper, runs[2], "best") == (22, 7, 0.5)
    names = {f"{run.run_id}{ending}.safetensors" for run in (runs[0], runs[2]) for ending in ("", ".best")}
    assert {path.name for path in (tmp_path / "weights").iterdir()} == names


def test_a_run_whose_loss_is_never_a_number_keeps_its_latest_weights(runs: list[Settings], tmp_path: Path) -> None:
    keeper = Keeper(tmp_path, runs, best=True)
    for step, loss in enumerate([math.nan, math.nan]):
        keeper.evaluated(network(step), {0: 1}, step, [loss])
    keeper.write(network(0))
    for which in ("last", "best"):
        number, step, loss = kept(keeper, runs[1], which)
        assert (number, step, math.isnan(loss)) == (1, 1, True)


def test_what_is_kept_is_a_copy(runs: list[Settings], tmp_path: Path) -> None:
    keeper, trained = Keeper(tmp_path, runs, best=False), network(1)
    keeper.evaluated(trained, {0: 0}, 1, [0.5])
    trained.flat.fill_(2)
    keeper.write(trained)
    assert kept(keeper, runs[0], "last") == (1, 1, 0.5)
    assert not file_of(tmp_path, runs[0].run_id, "best").exists()  # nobody asked for it


@pytest.mark.parametrize("best", [False, True])
def test_one_who_goes_on_keeps_what_was_kept(runs: list[Settings], tmp_path: Path, best: bool) -> None:
    first = Keeper(tmp_path, runs, best=not best)
    first.evaluated(network(1), {0: 0}, 1, [0.5])
    second = Keeper(tmp_path, runs, best)
    second.restore(first.state)
    second.evaluated(network(3), {0: 1}, 2, [0.5])
    second.write(network(0))
    assert kept(second, runs[0], "last") == (1, 1, 0.5)
    assert kept(second, runs[1], "last") == (3, 2, 0.5)
    assert file_of(tmp_path, runs[1].run_id, "best").exists() == best
    assert not file_of(tmp_path, runs[0].run_id, "best").exists()
