"""Checkpoints: a pack that goes on from one ends with the very same tables."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch

from harness.measure.flow import GradientFlow
from harness.run.checkpoint import Checkpoint, decoded, encoded
from harness.run.pack import run
from harness.settings.members import members
from harness.settings.settings import Settings
from tests.conftest import Config


class Stop(Exception):
    pass


def interrupted(runs: list[Settings], path: Path, at: int, every: int) -> dict[str, pd.DataFrame]:
    """The tables of runs that were stopped after a step, and gone on with."""
    ids = [each.run_id for each in runs]

    def tick(step: int) -> None:
        if step == at:
            raise Stop

    with pytest.raises(Stop):
        run(runs, tick, Checkpoint(path, ids, every))
    return run(runs, checkpoint=Checkpoint(path, ids, every))


def assert_bit_identical(one: dict[str, pd.DataFrame], two: dict[str, pd.DataFrame]) -> None:
    for name in one:
        pair = [frame.drop(columns="seconds", errors="ignore") for frame in (one[name], two[name])]
        pd.testing.assert_frame_equal(*pair, check_exact=True)


@pytest.mark.parametrize("optimizer", ["adam", "sgd", "rmsprop"])
@pytest.mark.parametrize(("cell", "compile"), [("gru", False), ("lstm", True)])
def test_an_interrupted_pack_goes_on_to_bit_identical_tables(
    config: Config, tmp_path: Path, optimizer: str, cell: str, compile: bool
) -> None:
    made = config(cell=cell, seed=[0, 1], weight_scale=[0.9, 1.1], engine={"compile": compile})
    made["train"] = {**made["train"], "optimizer": optimizer, "steps": 11, "lr": [0.01, 0.02]}
    runs = members(made)
    found = interrupted(runs, tmp_path / "checkpoint.pt", at=8, every=5)
    assert_bit_identical(run(runs), found)


def test_a_pack_with_a_diverged_member_goes_on_without_it(config: Config, tmp_path: Path) -> None:
    made = config(cell="rnn_relu", init="identity", seq_len=40, weight_scale=[1.0, 0.9, 40.0])
    made["train"] = {**made["train"], "steps": 30, "clip_norm": None}
    runs = members(made)
    found = interrupted(runs, tmp_path / "checkpoint.pt", at=22, every=20)
    assert found["runs"].status.tolist() == ["ok", "ok", "diverged"]
    assert_bit_identical(run(runs), found)


def test_the_checkpoint_of_others_or_a_damaged_one_is_not_taken(config: Config, tmp_path: Path) -> None:
    runs, path = members(config(seed=[0, 1])), tmp_path / "checkpoint.pt"
    with pytest.raises(Stop):
        run(runs, _stop, Checkpoint(path, [each.run_id for each in runs], 1))
    assert Checkpoint(path, ["another"], 1).load() is None
    path.write_bytes(path.read_bytes()[:100])
    assert Checkpoint(path, [each.run_id for each in runs], 1).load() is None


def _stop(step: int) -> None:
    raise Stop


def test_a_checkpoint_holds_no_code(config: Config, tmp_path: Path) -> None:
    runs, path = members(config()), tmp_path / "checkpoint.pt"
    with pytest.raises(Stop):
        run(runs, _stop, Checkpoint(path, [each.run_id for each in runs], 1))
    assert torch.load(path, weights_only=True)["step"] == 1


@pytest.mark.parametrize(
    "value",
    [
        None, True, 3, -(1 << 127), 0.1, float("inf"), "text", [1, [2, "a"]], (1, 2), {"a": {1: None}}, {3, 4},
        GradientFlow(0.1, 0.9, "flat", 0.2, 3.0, "stable"),
    ],
)  # fmt: skip
def test_values_come_back_as_they_were(value: Any) -> None:
    back = decoded(encoded(value))
    assert back == value
    assert type(back) is type(value)


def test_arrays_and_frames_come_back_as_they_were() -> None:
    array = np.array([[0.1, np.inf], [np.nan, -0.0]])
    np.testing.assert_array_equal(decoded(encoded(array)), array)
    frame = pd.DataFrame({"a": [1, 2], "b": ["x", None], "c": [0.1, np.nan]}, index=[5, 7])
    pd.testing.assert_frame_equal(decoded(encoded(frame)), frame)


def test_a_checkpoint_cannot_name_any_class_it_likes() -> None:
    with pytest.raises(TypeError, match="no record"):
        decoded(["object", "subprocess", "Popen", ["dict", [["args", "true"]]]])
