"""The table of generalization: a trained network at lengths at which it was not trained."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from torch import nn

from harness.api.networks import RecurrentNetwork, network
from harness.base.errors import UserError
from harness.base.seeds import stream
from harness.engine.network import Network
from harness.plugins.registry import registry
from harness.settings.members import members
from harness.tables.columns import GRADIENT_FLOW
from harness.training.keeping import Keeper
from harness.training.pack import run
from tests.conftest import Config
from tests.training.test_checkpoint import interrupted

LENGTHS = {"seq_len": [8, 5, 13]}
COMPILED: dict[str, Any] = {"engine": {"compile": True}}
FLOW = [each.name for each in GRADIENT_FLOW]


def generalization(made: dict[str, Any]) -> pd.DataFrame:
    return run(members(made))["generalization"]


def by_torch(trained: RecurrentNetwork, seed: int, length: int) -> dict[str, float]:
    """Accuracy and loss of a trained LSTM through `torch.nn.LSTM`, and its gradient through autograd."""
    assert trained.settings is not None
    task = trained.settings.experiment
    layer, readout = (each.double() for each in trained.to_torch())
    held_out = task.sample(stream(seed, "eval", task.name, length), 512, length)
    probe = task.sample(stream(seed, "probe", task.name, length), trained.settings.probe.batch_size, length)

    def one_hot(tokens: np.ndarray) -> torch.Tensor:
        return nn.functional.one_hot(torch.from_numpy(tokens), task.input_size).double()

    with torch.no_grad():
        logits = readout(layer(one_hot(held_out.inputs))[0][:, -1])
        target = torch.from_numpy(held_out.targets[:, 0])
    cell = nn.LSTMCell(layer.input_size, layer.hidden_size, dtype=torch.float64)
    cell.load_state_dict({name.removesuffix("_l0"): value for name, value in layer.state_dict().items()})
    states: list[tuple[torch.Tensor, torch.Tensor]] = []
    for t in range(length):
        states.append(cell(one_hot(probe.inputs)[:, t], states[-1] if states else None))
        states[-1][1].retain_grad()
    target_of_probe = torch.from_numpy(probe.targets[:, 0])
    nn.functional.cross_entropy(readout(states[-1][0]), target_of_probe, reduction="sum").backward()
    norms = torch.stack([c.grad.norm(dim=-1) for _, c in states]).numpy()  # (T, B)
    logs = np.log(norms[::-1] / norms[-1]).mean(axis=1)
    cue = norms[probe.cue[:, 0] - 1, np.arange(len(probe.cue))]
    return {
        "accuracy": float((logits.argmax(1) == target).double().mean()),
        "loss": float(nn.functional.cross_entropy(logits, target)),
        "decay_rate": float(np.polyfit(np.arange(length), logs, 1)[0]),
        "grad_ratio": float(cue.mean() / norms[-1].mean()),
    }


@pytest.mark.parametrize("length", [5, 13])
def test_accuracy_loss_and_gradient_at_another_length_are_those_of_torch(
    config: Config, tmp_path: Path, length: int
) -> None:
    runs = members(config(cell="lstm", seed=[3, 4], eval={"seq_len": [length]}, dtype="float64"))
    keeper = Keeper(tmp_path / "jobs" / "0", runs, best=False)
    with torch.enable_grad():
        found = run(runs, keeper=keeper)["generalization"].set_index("run_id")
        for each in runs:
            expected = by_torch(network(tmp_path, each.run_id), each.seed, length)
            np.testing.assert_allclose(found.loc[each.run_id, [*expected]].astype(float), [*expected.values()], 1e-6)


@pytest.mark.parametrize("rows", [{}, {"shortest": 5}])
def test_at_the_trained_length_the_numbers_are_those_of_the_run(config: Config, rows: dict[str, int]) -> None:
    task = {"name": "recall_dish", **rows}  # rows of one length, or each of its own
    found = run(members(config(experiment=task, cell="lstm", seed=[0, 1], eval=LENGTHS, **COMPILED)))
    columns = ["accuracy", "accuracy_se", "loss", "chance", "chance_loss", "solved", *FLOW]
    trained = found["generalization"].query("length == 8").reset_index(drop=True)
    pd.testing.assert_frame_equal(trained[columns], found["runs"][columns], check_exact=True, check_dtype=False)


def test_a_gradient_that_grows_rises_in_a_run_that_has_learned_to_solve_the_task_and_explodes_in_others(
    config: Config, monkeypatch: pytest.MonkeyPatch
) -> None:
    def found(steps: int) -> pd.Series:
        made = config(cell="linear", weight_scale=2.0, train={"steps": steps}, eval={"seq_len": [12]})
        return generalization(made).iloc[0]

    accuracy = [found(steps).accuracy for steps in (0, 1)]
    task, above = registry().get("experiment", "recall_dish"), 1e-9
    for steps, least, verdict, solved in (
        (1, accuracy[1], "rising", True),
        (1, accuracy[1] + above, "exploding", False),
        (0, accuracy[0], "exploding", True),
    ):
        monkeypatch.setattr(task, "solved_at", least)
        assert (found(steps).verdict, found(steps).solved) == (verdict, solved)


def test_there_is_a_row_for_every_run_and_length_whatever_the_order_of_the_setting(config: Config) -> None:
    found = generalization(config(seed=[0, 1], eval={"seq_len": [13, 5, 8, 5]}))
    assert found.length.tolist() == [5, 8, 13] * 2
    assert found.run_id.nunique() == 2


def test_other_lengths_change_nothing_else_of_a_run(config: Config) -> None:
    plain, further = (run(members(config(cell="lstm", eval={"seq_len": each}, **COMPILED))) for each in ([], [5, 13]))
    assert "generalization" not in plain
    for name in ("curves", "gradients", "transport", "samples"):
        pair = [found[name].drop(columns="run_id") for found in (plain, further)]
        pd.testing.assert_frame_equal(*pair, check_exact=True)


def test_a_run_in_a_pack_generalizes_as_it_does_alone(config: Config) -> None:
    packed = generalization(config(seed=[0, 1], weight_scale=[0.9, 1.1], eval=LENGTHS, **COMPILED))
    alone = generalization(config(seed=1, weight_scale=1.1, eval=LENGTHS, **COMPILED))
    own = packed[packed.run_id == alone.run_id[0]].reset_index(drop=True)
    pd.testing.assert_frame_equal(own, alone, check_exact=True)


def test_members_that_are_left_out_on_the_way_are_evaluated_as_they_were(config: Config, tmp_path: Path) -> None:
    """Three of four diverge and leave the pack; what was the state of their weights is known after a break, too."""
    wild = {"cell": "rnn_relu", "init": "identity", "seq_len": 40, "eval": {"seq_len": [40, 60]}, **COMPILED}
    train = {"steps": 9, "batch_size": 4, "clip_norm": None}
    runs = members(config(weight_scale=[1.0, 40.0, 50.0, 60.0], train=train, **wild))
    found = run(runs)
    assert found["runs"].status.tolist() == ["ok", *["diverged"] * 3]
    own = found["generalization"].query("length == 40").set_index("run_id").loss
    np.testing.assert_array_equal(own, found["runs"].loss)
    again = interrupted(runs, tmp_path / "checkpoint.pt", at=7, every=3)
    pd.testing.assert_frame_equal(again["generalization"], found["generalization"], check_exact=True)


def test_runs_that_were_pruned_have_no_rows(config: Config) -> None:
    runs = members(config(seed=[0, 1], eval=LENGTHS))
    found = run(runs, hopeless=lambda record: True)
    assert found["runs"].status.tolist() == ["pruned"] * 2
    assert not len(found["generalization"])


@pytest.mark.parametrize("experiment", ["translate", "reverse_name"])
def test_answers_that_are_fed_back_are_the_same_in_spans(config: Config, experiment: str) -> None:
    """Longer sequences than the trained ones are run piece by piece, in memory that grows with their root."""
    found = []
    for recompute in (False, True):
        made = config(
            experiment=experiment, seq_len=20, eval={"seq_len": [20]}, engine={"compile": True, "recompute": recompute}
        )
        found.append(generalization(made).drop(columns="run_id"))
    pd.testing.assert_frame_equal(*found, check_exact=False, rtol=1e-6)


@pytest.mark.parametrize(("length", "piece"), [(400, 20), (10, 10)])
def test_longer_sequences_are_held_piece_by_piece_and_those_of_the_training_whole(
    config: Config, monkeypatch: pytest.MonkeyPatch, length: int, piece: int
) -> None:
    longest = []
    forward = Network.forward

    def watched(self: Network, inputs: torch.Tensor, *arguments: Any) -> Any:
        longest.append(tuple(inputs.shape[1:3]))
        return forward(self, inputs, *arguments)

    monkeypatch.setattr(Network, "forward", watched)
    generalization(config(seq_len=10, train={"steps": 0}, eval={"seq_len": [length]}, **COMPILED))
    steps, samples = zip(*longest, strict=True)
    assert set(steps) == {10, piece}
    assert max(samples) == 128


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"eval": {"seq_len": 20}}, ["eval.seq_len=20", "a list", "[20,40]"]),
        ({"eval": {"seq_len": [8, 0]}}, ["eval.seq_len", "=0", "greater than or equal to 1"]),
        (
            {"eval": {"seq_len": [20, 2]}},
            ["eval.seq_len=[2,20]", "2 is no length for experiment=recall_dish", "or more"],
        ),
        ({"experiment": "digits_rows", "eval": {"seq_len": [20]}}, ["eval.seq_len=[20]", "digits_rows", "valid: 8"]),
        (
            {"experiment": {"name": "sine_to_cosine", "n_windows": 2}, "eval": {"seq_len": [20]}},
            ["eval.seq_len=[20]", "windows", "valid: []"],
        ),
        ({"eval": {"length": [20]}}, ["eval.length", "seq_len"]),
    ],
)
def test_lengths_that_are_none_are_refused_in_one_line(config: Config, changes: dict, words: list[str]) -> None:
    with pytest.raises(UserError) as raised:
        members(config(**changes))
    assert "\n" not in str(raised.value)
    for word in words:
        assert word in str(raised.value)
