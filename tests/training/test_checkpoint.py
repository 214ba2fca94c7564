"""Checkpoints: a pack that goes on from one ends with the very same tables."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch

from harness.measure.flow import GradientFlow
from harness.settings.members import members
from harness.settings.settings import Settings
from harness.training.checkpoint import Checkpoint, decoded, encoded
from harness.training.pack import run
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
    made["train"] |= {"weight_decay": 0.1, "schedule": "cosine", "warmup": 4, "momentum": 0.9 * (optimizer == "sgd")}
    runs = members(made)
    found = interrupted(runs, tmp_path / "checkpoint.pt", at=8, every=5)
    assert_bit_identical(run(runs), found)


def test_networks_in_blocks_go_on_to_bit_identical_tables(config: Config, tmp_path: Path) -> None:
    made = config(cell="lru", seed=[0, 1], num_layers=2, block="residual")
    made["train"] = {**made["train"], "steps": 5}
    runs = members(made)
    found = interrupted(runs, tmp_path / "checkpoint.pt", at=4, every=2)
    assert_bit_identical(run(runs), found)


@pytest.mark.parametrize("kind", ["each_step", "variational"])
def test_with_dropout_embeddings_and_a_cut_way_back_they_do_too(config: Config, tmp_path: Path, kind: str) -> None:
    made = config(cell="lstm", seed=[0, 1], num_layers=2, embedding_size=3, dropout=[0.0, 0.3], dropout_kind=kind)
    made["train"] |= {"steps": 5, "k2": 4, "k1": 2}
    runs = members(made)
    found = interrupted(runs, tmp_path / "checkpoint.pt", at=4, every=2)
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
    with pytest.raises(TypeError, match=r"^subprocess\.Popen is no record that a checkpoint may hold$"):
        decoded(["object", "subprocess", "Popen", ["dict", [["args", "true"]]]])


class Counted:
    """A state that counts how often it is asked for."""

    def __init__(self) -> None:
        self.asked = 0

    def __call__(self) -> dict[str, Any]:
        self.asked += 1
        return {"number": self.asked}


def after(checkpoint: Checkpoint, step: int, state: Counted) -> None:
    """What a training does after a step."""
    if checkpoint.due(step):
        checkpoint.save(step, state())


def saved(path: Path) -> tuple[int, int] | None:
    """The step and the state of a checkpoint on disk."""
    if not path.exists():
        return None
    found = torch.load(path, weights_only=True)
    return found["step"], decoded(found["state"])["number"]


def test_a_state_is_saved_after_every_so_many_steps_and_not_between(tmp_path: Path) -> None:
    path, state = tmp_path / "checkpoint.pt", Counted()
    checkpoint = Checkpoint(path, ["a"], 3)
    found = []
    for step in range(1, 8):
        after(checkpoint, step, state)
        found.append(saved(path))
    assert found == [None, None, (3, 1), (3, 1), (3, 1), (6, 2), (6, 2)]


def test_one_who_goes_on_saves_as_often_from_there(tmp_path: Path) -> None:
    path, state = tmp_path / "checkpoint.pt", Counted()
    after(Checkpoint(path, ["a"], 3), 4, state)
    later = Checkpoint(path, ["a"], 3)
    assert later.load() == {"number": 1}
    for step in (5, 6):
        after(later, step, state)
    assert saved(path) == (4, 1)
    after(later, 7, state)
    assert saved(path) == (7, 2)


def test_nothing_is_saved_or_taken_where_nobody_wants_it(tmp_path: Path) -> None:
    path, state = tmp_path / "checkpoint.pt", Counted()
    after(Checkpoint(path, ["a"], 0, wanted=lambda: True), 100, state)
    assert not path.exists()
    after(Checkpoint(path, ["a"], 1), 1, state)
    assert Checkpoint(path, ["a"], 0).load() is None
    assert Checkpoint(path, ["a", "b"], 1).load() is None
    assert Checkpoint(path, ["a"], 1).load() == {"number": 1}
    assert Checkpoint(tmp_path / "other.pt", ["a"], 1).load() is None


def test_a_job_that_is_being_stopped_saves_at_once(tmp_path: Path) -> None:
    path, state, wishes = tmp_path / "checkpoint.pt", Counted(), iter([False, True])
    checkpoint = Checkpoint(path, ["a"], 1000, wanted=lambda: next(wishes))
    after(checkpoint, 1, state)
    assert saved(path) is None
    after(checkpoint, 2, state)
    assert saved(path) == (2, 1)


def test_the_time_of_all_sittings_is_added_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = iter([100.0, 107.0, 1000.0, 1030.0])
    # Its own alone: the clock of the process would run out for whoever else looks at it.
    monkeypatch.setattr("harness.training.checkpoint.time", SimpleNamespace(perf_counter=lambda: next(clock)))
    path, state = tmp_path / "checkpoint.pt", Counted()
    after(Checkpoint(path, ["a"], 1), 1, state)
    second = Checkpoint(path, ["a"], 1)
    second.load()
    assert second.seconds == 7
    after(second, 2, state)
    assert torch.load(path, weights_only=True)["seconds"] == 37


def test_a_disk_that_is_full_does_not_end_the_training(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "file").write_text("no folder")
    after(Checkpoint(tmp_path / "file" / "checkpoint.pt", ["a"], 1), 1, Counted())
    assert "checkpoint.pt: not saved (" in caplog.text


def test_what_cannot_stand_in_a_checkpoint_is_refused() -> None:
    with pytest.raises(TypeError, match="Counted cannot stand in a checkpoint"):
        encoded({"a": [Counted()]})
    assert decoded(encoded((1 << 62) - 1)) == (1 << 62) - 1
    assert torch.equal(decoded(encoded([torch.ones(2)]))[0], torch.ones(2))
    assert decoded(encoded(np.float64(0.5))) == 0.5
    assert decoded(encoded({True: 1 << 62})) == {True: 1 << 62}
