"""Batches, their tensors, and evaluation with answers that are fed back or carried on."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
import pytest
import torch

from harness.experiment import Classes, Continuation, Experiment, Sample
from harness.measure.evaluation import evaluate
from harness.measure.generation import answered_alone
from harness.measure.measurement import measure
from harness.measure.moment import Moment
from harness.run.pack import build, run, streams
from harness.settings.members import members
from harness.settings.settings import Settings
from harness.tasks.batch import Batch, answer_phase
from harness.tasks.outputs import Labels, Values, masked_mean
from tests.conftest import Config

TOKENS = np.arange(12).reshape(3, 4)


def test_by_default_the_last_outputs_are_scored_and_judged_and_the_first_step_is_the_cue() -> None:
    batch = Batch(TOKENS, TOKENS[:, :2])
    assert batch.scored.tolist() == [3, 4]
    assert batch.mask.all()
    assert batch.judged.shape == (3, 2)
    assert batch.cue.tolist() == [[1], [1], [1]]
    assert Batch(TOKENS, TOKENS).scored.tolist() == [1, 2, 3, 4]


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"inputs": TOKENS[0]}, "inputs: shape"),
        ({"targets": TOKENS[:, 0]}, "targets: shape"),
        ({"targets": TOKENS[:2]}, "targets: shape"),
        ({"targets": np.zeros((3, 5))}, "S from 1 to 4"),
        ({"scored": [1]}, "scored"),
        ({"scored": [2, 1, 3, 4]}, "increasing"),
        ({"scored": [0, 1, 2, 3]}, "steps from 1 to 4"),
        ({"mask": np.ones((3, 4))}, "of bool"),
        ({"mask": np.zeros((3, 4), bool), "judged": np.ones((3, 4), bool)}, "judged"),
        ({"cue": np.array([1, 2])}, "cue"),
        ({"cue": np.array([1, 2, 5])}, "cue"),
    ],
)
def test_what_does_not_fit_together_is_named(changes: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        Batch(**{"inputs": TOKENS, "targets": TOKENS, **changes})


def test_the_answer_phase_is_a_marker_and_then_blanks_or_answers() -> None:
    answers = np.array([[4, 5, 6]])
    assert answer_phase(answers, marker=9, blank=8).tolist() == [[9, 8, 8]]
    assert answer_phase(answers, marker=9, feedback=10).tolist() == [[9, 14, 15]]
    with pytest.raises(ValueError, match="either"):
        answer_phase(answers, marker=9)


def test_what_is_masked_counts_neither_in_the_loss_nor_in_its_gradient() -> None:
    values = torch.tensor([[1.0, torch.nan, 3.0], [torch.nan, torch.nan, torch.inf]], requires_grad=True)
    mean = masked_mean(values, torch.tensor([[True, False, True], [False, False, False]]))
    assert mean.tolist() == [2.0, 0.0]
    mean.sum().backward()
    assert values.grad is not None
    assert values.grad.tolist() == [[0.5, 0.0, 0.5], [0.0, 0.0, 0.0]]


def test_losses_are_those_of_their_definitions() -> None:
    logits = torch.tensor([[0.3, -1.0, 2.0]], dtype=torch.float64)
    share = np.exp(logits.numpy()) / np.exp(logits.numpy()).sum()
    assert Classes(3).loss(logits, torch.tensor([2])).item() == pytest.approx(-np.log(share[0, 2]))
    sigmoid = 1 / (1 + np.exp(-logits.numpy()[0]))
    expected = -np.log([sigmoid[0], 1 - sigmoid[1], 1 - sigmoid[2]]).mean()
    assert Labels(3).loss(logits, torch.tensor([[1, 0, 0]])).item() == pytest.approx(expected)
    assert Values(0.1, n=3).loss(logits, torch.tensor([[0.3, 0.0, 0.0]])).item() == pytest.approx(5 / 3)


def test_labels_are_right_when_all_are() -> None:
    outputs = torch.tensor([[1.0, -1.0], [1.0, 1.0], [torch.nan, -1.0]])
    assert Labels(2).right(outputs, torch.tensor([[1, 0]] * 3)).tolist() == [True, False, False]
    assert Labels(3).say(Labels(3).decide(np.array([1.0, -1.0, 2.0]))) == "{0, 2}"


class Counting(Experiment):
    """Numbers that go up by one; the next one is asked for at every step."""

    name: ClassVar[str] = "counting"
    claim: ClassVar[str] = "Anybody can count."
    n_windows: int = 1
    writes: bool = False

    @property
    def input_size(self) -> int:
        return 5

    @property
    def outputs(self) -> Classes:
        return Classes(5)

    @property
    def windows(self) -> int:
        return self.n_windows

    @property
    def continuation(self) -> Continuation | None:
        return Continuation(length=7, temperature=0, prompt=2) if self.writes else None

    def chance(self, seq_len: int) -> float:
        return 1.0

    def sample(self, rng: np.random.Generator, batch_size: int, seq_len: int) -> Batch:
        tape = (rng.integers(5, size=(batch_size, 1)) + np.arange(seq_len + 1)) % 5
        return Batch(tape[:, :-1], tape[:, 1:])

    def show_continued(self, prompt: np.ndarray, continued: np.ndarray) -> Sample:
        return Sample("".join(map(str, prompt)), answered="".join(map(str, continued)))


def settings(config: Config, experiment: Experiment, **changes: Any) -> list[Settings]:
    seq_len = changes.pop("seq_len", 8)
    made = members(config(**changes))
    return [Settings(**{**dict(each), "experiment": experiment, "seq_len": seq_len}) for each in made]


def test_windows_cut_a_long_sequence_and_say_that_they_continue(config: Config) -> None:
    runs = settings(config, Counting(n_windows=3), seq_len=4, seed=[0, 1])
    data = streams(runs, "train")
    pieces = [data.next(2, torch.float32) for _ in range(6)]
    assert [piece.continues for piece in pieces] == [False, True, True] * 2
    tape = torch.cat([piece.inputs for piece in pieces[:3]], dim=1)
    assert ((tape[:, 1:] - tape[:, :-1]) % 5 == 1).all()
    assert streams(runs, "eval").held_out(9, torch.float32).inputs.shape == (2, 12, 3)


def test_members_that_stay_keep_their_place_within_a_long_sequence(config: Config) -> None:
    runs = settings(config, Counting(n_windows=3), seq_len=4, seed=[0, 1])
    both, one = streams(runs, "train"), streams(runs, "train")
    both.next(2, torch.float32)
    one.next(2, torch.float32)
    assert torch.equal(one.only([1]).next(2, torch.float32).inputs[0], both.next(2, torch.float32).inputs[1])


class Before(Counting):
    """The token before is asked for."""

    name: ClassVar[str] = "before"

    def sample(self, rng: np.random.Generator, batch_size: int, seq_len: int) -> Batch:
        tape = rng.integers(5, size=(batch_size, seq_len + 1))
        return Batch(tape[:, 1:], tape[:, :-1], mask=np.tile(np.arange(seq_len) > 0, (batch_size, 1)))


def test_training_in_windows_carries_the_state(config: Config) -> None:
    # In windows of one step, only a state that is carried holds the token before.
    made = settings(
        config, Before(n_windows=50), cell="rnn", seq_len=1, hidden_size=32,
        train={"steps": 500, "batch_size": 32}, probe={"every": 500},
    )  # fmt: skip
    found = run(made)
    assert found["runs"].accuracy.item() > 0.8


def test_a_network_that_can_count_goes_on_counting_by_itself(config: Config) -> None:
    made = settings(
        config, Counting(writes=True), hidden_size=16, train={"steps": 150, "batch_size": 16, "lr": 0.05},
        probe={"every": 150},
    )  # fmt: skip
    samples = run(made)["samples"]
    for row in samples.itertuples():
        expected = [(int(row.text[-1]) + step) % 5 for step in range(1, 8)]
        assert row.answered == "".join(map(str, expected))
        assert row.expected == ""


class Near(Counting):
    """A number between 0 and 1 is asked for, to within a quarter, in twos."""

    name: ClassVar[str] = "near"

    @property
    def outputs(self) -> Any:
        return Values(tolerance=0.25)

    def sample(self, rng: np.random.Generator, batch_size: int, seq_len: int) -> Batch:
        return Batch(rng.integers(5, size=(batch_size, seq_len)), rng.random((batch_size, 2)))


def test_a_shown_sample_says_how_much_of_its_answer_is_right_by_the_tasks_criterion(config: Config) -> None:
    made = settings(config, Near(), train={"steps": 0})
    network = build(made, torch.float64)
    network.flat.zero_()  # always answers 0
    data = streams(made, "eval").held_out(64, torch.float64)
    with torch.no_grad():
        moment = Moment(network, streams(made, "probe").next(4, torch.float64), made[0].experiment, 0)
        found = measure(network, data, moment, seeds=[0], clipped=torch.zeros(1))
    right = (data.targets[0] <= 0.25).double().mean(1)
    assert found.sample_accuracy[0].tolist() == right[:4].tolist()
    assert found.accuracy.item() == pytest.approx(right.mean().item())
    samples = run(settings(config, Counting(writes=True), train={"steps": 0}))["samples"]
    assert samples.accuracy.isna().all()  # what goes on by itself is neither right nor wrong


def test_answers_that_are_fed_back_equal_a_run_from_the_start_on_them(config: Config) -> None:
    made = members(
        config(experiment={"name": "reverse_name", "feed_back": True}, seed=[0, 1], seq_len=8, dtype="float64")
    )
    network = build(made, torch.float64)
    data = streams(made, "eval").held_out(3, torch.float64)
    with torch.no_grad():
        found = answered_alone(network, data, feedback=0)
        inputs = data.inputs.clone()
        for place, step in enumerate(data.scored[1:]):
            inputs[:, step - 1] = found[:, :, place].argmax(-1)
        again = network.outputs(inputs, data.scored)
        torch.testing.assert_close(found, again)
        taught = network.outputs(data.inputs, data.scored)
        assert not torch.allclose(found, taught)
        losses, right, outputs = evaluate(network, made[0].experiment, data)
        torch.testing.assert_close(losses, data.loss(taught))
        assert torch.equal(right, data.right(found))
        torch.testing.assert_close(outputs, found)
