"""Samples of different length: what a batch makes of them, and what members are given."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import settings as effort
from hypothesis import strategies as st

from harness.base.errors import UserError
from harness.base.seeds import stream
from harness.experiment import Batch, VariedLengths
from harness.plugins.registry import registry
from harness.settings.members import members
from harness.tasks.drawn import ready
from harness.training.building import streams
from tests.conftest import Config
from tests.helpers.counting import Counting, settings

TOKENS = np.arange(1, 13).reshape(3, 4)
LENGTHS = np.array([2, 4, 3])


def test_one_target_is_asked_for_at_each_samples_own_last_step() -> None:
    batch = Batch(TOKENS, np.array([[7], [8], [9]]), lengths=LENGTHS)
    assert batch.scored.tolist() == [2, 3, 4]
    assert (
        batch.mask.tolist()
        == batch.asked.tolist()
        == [[True, False, False], [False, False, True], [False, True, False]]
    )
    assert batch.targets[batch.mask].tolist() == [7, 8, 9]
    assert batch.answer.tolist() == LENGTHS.tolist()


def test_targets_of_some_last_steps_are_those_before_each_samples_own_end() -> None:
    given = {"mask": np.array([[True, True], [False, True], [True, True]]), "lengths": LENGTHS}
    batch = Batch(TOKENS, np.array([[1, 2], [3, 4], [5, 6]]), **given)
    assert batch.scored.tolist() == [1, 2, 3, 4]
    assert batch.targets.tolist() == [[1, 2, 0, 0], [0, 0, 3, 4], [0, 5, 6, 0]]
    assert batch.mask[1].tolist() == [False, False, False, True]
    assert batch.alone(1).targets.tolist() == [[3, 4]]


def test_targets_at_every_step_are_asked_for_up_to_the_end() -> None:
    batch = Batch(TOKENS, TOKENS, lengths=LENGTHS)
    assert batch.mask.sum(axis=1).tolist() == LENGTHS.tolist()
    assert batch.answer.tolist() == LENGTHS.tolist()


def test_what_lies_after_an_end_may_be_anything() -> None:
    vectors = np.random.default_rng(0).normal(size=(3, 4, 2))
    after = np.arange(1, 5) > LENGTHS[:, None]
    wild = np.where(after[..., None], np.nan, vectors)
    one = Batch(vectors, np.where(after, 3.0, 1.0), lengths=LENGTHS)
    other = Batch(wild, np.where(after, np.nan, 1.0), judged=np.ones((3, 4), bool), lengths=LENGTHS)
    for name in ("inputs", "targets", "mask", "judged"):
        assert np.array_equal(getattr(one, name), getattr(other, name))
    assert np.isnan(wild[0, 3]).all(), "what was given stays as it was"


def test_a_sample_alone_is_cut_where_it_ends() -> None:
    batch = Batch(TOKENS, np.array([[7], [8], [9]]), cue=np.array([2, 1, 3]), lengths=LENGTHS)
    own = batch.alone(2)
    assert own.inputs.tolist() == [[9, 10, 11]]
    assert (own.targets.tolist(), own.scored.tolist(), own.cue.tolist(), own.lengths) == ([[9]], [3], [[3]], None)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"lengths": np.array([2, 4])}, "lengths: .2, 4.; valid: a whole number from 1 to 4 for each of 3 samples"),
        ({"lengths": np.array([0, 4, 3])}, "lengths"),
        ({"lengths": np.array([2, 5, 3])}, "from 1 to 4"),
        ({"lengths": np.array([2.0, 4.0, 3.0])}, "lengths"),
        ({"cue": np.array([3, 1, 1])}, "cue: after a sample's end"),
        ({"targets": TOKENS[:, :3]}, "lengths: 2 is less than the 3 last steps that targets are for"),
    ],
)
def test_what_does_not_fit_together_is_named(changes: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        Batch(**{"inputs": TOKENS, "targets": TOKENS, "lengths": LENGTHS, **changes})


def test_windows_end_where_the_sequence_does() -> None:
    first, second = Batch(TOKENS, TOKENS, lengths=LENGTHS).windows(2)
    assert first.ends.tolist() == [2, 2, 2]
    assert second.ends.tolist() == [0, 2, 1]
    assert second.answer.tolist() == [0, 2, 1]


class Ragged(VariedLengths, Counting):
    """Numbers that go up, in rows of any length."""

    name: ClassVar[str] = "ragged"

    def rows(self, rng: np.random.Generator, batch_size: int, seq_len: int) -> Batch:
        return Counting.sample(self, rng, batch_size, seq_len)


class Once(Ragged):
    """The same, asked at the end alone."""

    name: ClassVar[str] = "once"

    def rows(self, rng: np.random.Generator, batch_size: int, seq_len: int) -> Batch:
        batch = super().rows(rng, batch_size, seq_len)
        return Batch(batch.inputs, batch.targets[:, -1:])


def test_lengths_are_drawn_from_the_shortest_to_the_longest() -> None:
    batch = Ragged(shortest=3).sample(stream(0, "test"), 4000, 7)
    assert batch.lengths is not None
    shares = np.bincount(batch.lengths, minlength=8)[3:] / 4000
    assert batch.lengths.min() == 3
    assert np.abs(shares - 1 / 5).max() < 0.03
    inside = np.arange(1, 8) <= batch.lengths[:, None]
    assert ((batch.inputs[:, 1:] - batch.inputs[:, :-1])[inside[:, 1:]] % 5 == 1).all()
    assert np.array_equal(batch.mask, inside)


class Pointing(Ragged):
    """The same, which names every step but the last as a cue."""

    name: ClassVar[str] = "pointing"

    def rows(self, rng: np.random.Generator, batch_size: int, seq_len: int) -> Batch:
        batch = super().rows(rng, batch_size, seq_len)
        return Batch(batch.inputs, batch.targets, cue=np.tile(np.arange(1, max(seq_len, 2)), (batch_size, 1)))


def test_cues_of_a_shorter_row_are_its_own_and_its_last_one_stands_for_those_it_has_not() -> None:
    batch = Pointing(shortest=1).sample(stream(0, "test"), 60, 4)
    assert batch.lengths is not None
    assert set(batch.lengths.tolist()) == {1, 2, 3, 4}
    own = {1: [1, 1, 1], 2: [1, 1, 1], 3: [1, 2, 2], 4: [1, 2, 3]}
    assert batch.cue.tolist() == [own[length] for length in batch.lengths.tolist()]
    assert not Ragged(shortest=1).sample(stream(0, "test"), 60, 4).names_cue


def test_without_the_option_rows_are_drawn_as_ever() -> None:
    one, other = Ragged().sample(stream(0, "test"), 9, 7), Counting().sample(stream(0, "test"), 9, 7)
    assert one.lengths is None
    assert np.array_equal(one.inputs, other.inputs)


def test_a_shortest_row_that_cannot_be_is_refused_in_one_line() -> None:
    words = r"experiment.*shortest.*valid: 9 or more"
    with pytest.raises(UserError, match=words):
        members({"experiment": {"name": "embedded_reber", "shortest": 5}, "cell": {"name": "rnn"}, "seq_len": 12})
    for shortest in (0, -3):
        with pytest.raises(ValueError, match=rf"shortest={shortest}; valid: 1 or more, or null"):
            Ragged(shortest=shortest)
    with pytest.raises(UserError, match=r"seq_len.*12 or more, by experiment\.shortest"):
        members({"experiment": {"name": "embedded_reber", "shortest": 12}, "cell": {"name": "rnn"}, "seq_len": 11})


def test_training_batches_stand_longest_first_and_end_with_the_longest(config: Config) -> None:
    data = streams(settings(config, Ragged(shortest=2), seed=[0, 1], seq_len=40), "train").next(4, torch.float32)
    assert data.lengths is not None
    assert (data.lengths.diff(dim=1) <= 0).all()
    assert data.inputs.shape[1] == int(data.lengths.max()) < 40
    assert [batch.ends.tolist() for batch in data.batches] == data.lengths.tolist()


@pytest.mark.parametrize("task", [Ragged(shortest=2), Once(shortest=2)])
def test_a_members_loss_is_the_same_to_the_bit_whoever_is_beside(task: VariedLengths, config: Config) -> None:
    generator = torch.Generator().manual_seed(0)
    both, one = (
        streams(settings(config, task, seed=seed, seq_len=30), "train").next(5, torch.float32)
        for seed in ([0, 1, 2], 1)
    )
    said = torch.randn(1, 5, 30, 5, generator=generator)
    losses = []
    for data, member in ((both, 1), (one, 0)):
        outputs = said[:, :, [step - 1 for step in data.scored]].expand(len(data.inputs), -1, -1, -1)
        losses.append(data.loss(outputs)[member])
    assert torch.equal(*losses)


@given(st.lists(st.integers(1, 9), min_size=2, max_size=6))
@effort(max_examples=20, deadline=None)
def test_the_loss_of_each_sample_is_that_of_the_sample_alone(lengths: list[int]) -> None:
    rng = np.random.default_rng(1)
    inputs, targets = rng.integers(5, size=(2, len(lengths), 9))
    batch = Batch(inputs, targets, lengths=np.array(lengths))
    outputs = torch.from_numpy(rng.normal(size=(1, len(lengths), 9, 5)))
    meaning = Counting().outputs
    found = ready([batch], [0], meaning, torch.float64).loss(outputs)[0]
    for sample, end in enumerate(lengths):
        own = ready([batch.alone(sample)], [0], meaning, torch.float64).loss(outputs[:, sample : sample + 1, :end])
        torch.testing.assert_close(found[sample], own[0, 0], rtol=1e-14, atol=0)


OFFERING = ["recall_dish", "copy", "parity", "sentiment", "translate", "embedded_reber"]


@pytest.mark.parametrize("name", OFFERING)
def test_rows_of_a_task_are_shown_up_to_their_end(name: str) -> None:
    own = {"length": 2} if name == "copy" else {}
    plain = registry().get("experiment", name)(**own)
    shortest = max(plain.min_seq_len(), 5)
    task = registry().get("experiment", name)(shortest=shortest, **own)
    batch = task.sample(stream(0, "test"), 12, shortest + 20)
    assert batch.lengths is not None
    assert len(set(batch.lengths.tolist())) > 2
    for index, end in enumerate(batch.lengths.tolist()):
        right = np.eye(task.outputs.size)[batch.targets[index]] if batch.targets.ndim == 2 else batch.targets[index]
        shown = task.in_words(batch, index, 2.0 * right - 1)
        assert shown is not None
        assert shown.expected == shown.answered or name in ("copy", "embedded_reber")
        assert len(shown.words) in (0, batch.answer[index])
        assert batch.answer[index] <= end
