"""Streams of data: which samples a run sees, for what, and in what form."""

from __future__ import annotations

import copy
from typing import Any, ClassVar

import numpy as np
import pytest
import torch

from harness.base.errors import UserError
from harness.base.seeds import stream
from harness.experiment import Batch, Classes, Experiment, Labels, Values
from harness.plugins.registry import registry
from harness.settings.members import members
from harness.tasks.streams import Streams
from harness.training.pack import Pack
from tests.conftest import Config
from tests.helpers.counting import Counting


def dish() -> Experiment:
    made: Experiment = registry().get("experiment", "recall_dish")()
    return made


def inputs(experiment: Experiment, purpose: str, seq_len: int = 12, seed: int = 0) -> torch.Tensor:
    return Streams(experiment, seq_len, [seed], purpose).next(16, torch.float64).inputs[0]


def test_training_evaluation_and_probe_see_samples_of_their_own() -> None:
    found = {purpose: inputs(dish(), purpose) for purpose in ("train", "eval", "probe")}
    for one, other in (("train", "eval"), ("train", "probe"), ("eval", "probe")):
        alike = (found[one] == found[other]).all(dim=0)
        assert alike.double().mean() < 0.5, (one, other)


def test_samples_depend_on_the_seed_and_the_length_and_come_back_the_same() -> None:
    first = inputs(dish(), "train")
    assert torch.equal(first, inputs(dish(), "train"))
    assert not torch.equal(first, inputs(dish(), "train", seed=1))
    assert not torch.equal(first[:12], inputs(dish(), "train", seq_len=13)[:12])


def test_a_pack_trains_evaluates_and_probes_on_the_streams_of_these_names(config: Config) -> None:
    pack = Pack(members(config(seed=[3, 5], seq_len=12, train={"batch_size": 7}, probe={"batch_size": 6})))
    drawn = {"train": pack.data.next(7, torch.float32), "eval": pack.held_out, "probe": pack.probe_data}
    for purpose, size in (("train", 7), ("eval", 512), ("probe", 6)):
        for row, seed in enumerate((3, 5)):
            own = dish().sample(stream(seed, purpose, "recall_dish", 12), size, 12)
            np.testing.assert_array_equal(drawn[purpose].inputs[row].numpy().T, own.inputs)
            np.testing.assert_array_equal(drawn[purpose].targets[row].numpy(), own.targets)
            np.testing.assert_array_equal(drawn[purpose].cue[row], own.cue)
    assert pack.eval_samples == 512


def test_members_of_one_seed_see_the_same_and_the_stream_goes_on() -> None:
    three = Streams(dish(), 12, [4, 2, 4], "train")
    first, second = three.next(8, torch.float64), three.next(8, torch.float64)
    assert torch.equal(first.inputs[0], first.inputs[2])
    assert not torch.equal(first.inputs[0], first.inputs[1])
    assert not torch.equal(first.inputs, second.inputs)
    rng = stream(2, "train", "recall_dish", 12)
    for data in (first, second):
        own = dish().sample(rng, 8, 12)
        np.testing.assert_array_equal(data.inputs[1].numpy().T, own.inputs)
        assert data.batches[1].inputs.tolist() == own.inputs.tolist()
        assert data.scored == own.scored.tolist()


def test_some_members_go_on_where_they_are() -> None:
    every, some = (Streams(dish(), 12, [4, 2, 9], "train") for _ in range(2))
    every.next(8, torch.float64)
    some.next(8, torch.float64)
    some = some.only([2, 1])
    assert some.seeds == [9, 2]
    whole = every.next(8, torch.float64)
    assert torch.equal(some.next(8, torch.float64).inputs, whole.inputs[[2, 1]])


def test_a_stream_goes_on_from_its_state() -> None:
    one, two = Streams(dish(), 12, [0, 1], "train"), Streams(dish(), 12, [0, 1], "train")
    one.next(8, torch.float64)
    two.restore(copy.deepcopy(one.state))
    assert torch.equal(one.next(8, torch.float64).inputs, two.next(8, torch.float64).inputs)


class Hiding(Counting):
    """Counting; every third output does not count, and of the last window of even samples none."""

    name: ClassVar[str] = "hiding"
    cues: bool = False

    def sample(self, rng: np.random.Generator, batch_size: int, seq_len: int) -> Batch:
        plain = super().sample(rng, batch_size, seq_len)
        steps = np.arange(1, seq_len + 1)
        mask = np.tile(steps % 3 > 0, (batch_size, 1))
        mask[::2, -(seq_len // self.windows) :] = False
        judged = mask & (steps % 2 == 0)
        cue = np.full((batch_size, 1), 3) if self.cues else None
        return Batch(plain.inputs, plain.targets, mask=mask, judged=judged, cue=cue)


def test_windows_are_pieces_of_one_sequence_with_its_targets_masks_and_judged_outputs() -> None:
    task = Hiding(n_windows=3)
    data = Streams(task, 4, [0], "train")
    whole = task.sample(stream(0, "train", "hiding", 4), 6, 12)
    for round_ in range(2):
        for place in range(3):
            assert data.at_a_beginning == (place == 0)
            cut = np.s_[:, 4 * place : 4 * place + 4]
            piece = data.next(6, torch.float64)
            assert piece.continues == (place > 0)
            assert piece.all_count is False
            for name in ("targets", "mask", "judged"):
                np.testing.assert_array_equal(getattr(piece, name)[0].numpy(), getattr(whole, name)[cut], name)
            np.testing.assert_array_equal(piece.inputs[0].numpy().T, whole.inputs[cut])
            steps = np.arange(1, 5)
            np.testing.assert_array_equal(piece.answer[0], (whole.judged[cut] * steps).max(axis=1))
            assert (piece.cue == 1).all()
        if round_ == 0:
            rng = stream(0, "train", "hiding", 4)
            task.sample(rng, 6, 12)
            whole = task.sample(rng, 6, 12)


def test_a_cue_is_counted_from_the_first_step_of_its_window() -> None:
    data = Streams(Hiding(n_windows=3, cues=True), 4, [0], "train")
    assert [data.next(2, torch.float64).cue.tolist() for _ in range(3)] == [
        [[[3], [3]]], [[[-1], [-1]]], [[[-5], [-5]]],
    ]  # fmt: skip


def test_the_probe_takes_of_every_sample_the_window_of_its_last_judged_output() -> None:
    task = Hiding(n_windows=3)
    data = Streams(task, 4, [0], "probe").answering(6, torch.float64)
    whole = task.sample(stream(0, "probe", "hiding", 4), 6, 12)
    assert data.window is not None
    assert data.window.tolist() == [[1, 2] * 3]  # the last window of even samples is hidden
    for sample, window in enumerate([1, 2] * 3):
        cut = np.s_[sample, 4 * window : 4 * window + 4]
        np.testing.assert_array_equal(data.inputs[0, :, sample].numpy(), whole.inputs[cut])
        for name in ("targets", "mask", "judged"):
            np.testing.assert_array_equal(getattr(data, name)[0, sample].numpy(), getattr(whole, name)[cut])
    assert len(data.earlier) == 2
    for place, earlier in enumerate(data.earlier):
        np.testing.assert_array_equal(earlier[0].numpy().T, whole.inputs[:, 4 * place : 4 * place + 4])


@pytest.mark.parametrize(("step", "window"), [(1, 0), (4, 0), (5, 1), (8, 1), (9, 2), (12, 2), (None, 2)])
def test_the_probes_window_is_that_in_which_the_answers_step_lies(step: int | None, window: int) -> None:
    class Once(Counting):
        """Counting, judged at one step."""

        name: ClassVar[str] = "once"

        def sample(self, rng: np.random.Generator, batch_size: int, seq_len: int) -> Batch:
            plain = super().sample(rng, batch_size, seq_len)
            judged = np.zeros((batch_size, seq_len), dtype=bool)
            judged[: batch_size - 1, 0] = True  # a sample of the batch has an answer in any case
            judged[-1] = np.arange(1, seq_len + 1) == step
            return Batch(plain.inputs, plain.targets, judged=judged)

    data = Streams(Once(n_windows=3), 4, [0], "probe").answering(2, torch.float64)
    assert data.window is not None
    assert data.window.tolist() == [[0, window]]


def test_losses_are_plain_means_only_where_all_outputs_of_all_members_count() -> None:
    class Odd(Counting):
        """Counting; for odd seeds the last output does not count."""

        name: ClassVar[str] = "odd"

        def sample(self, rng: np.random.Generator, batch_size: int, seq_len: int) -> Batch:
            plain = super().sample(rng, batch_size, seq_len)
            odd = rng.bit_generator.state["state"]["inc"] == masked
            mask = np.tile(np.arange(seq_len) < seq_len - odd, (batch_size, 1))
            return Batch(plain.inputs, plain.targets, mask=mask)

    masked = stream(1, "train", "odd", 6).bit_generator.state["state"]["inc"]
    assert Streams(Odd(), 6, [0], "train").next(3, torch.float64).all_count
    assert not Streams(Odd(), 6, [0, 1], "train").next(3, torch.float64).all_count
    assert not Streams(Odd(), 6, [1, 0], "train").next(3, torch.float64).all_count


def test_held_out_sequences_of_windows_hold_as_many_windows_as_other_tasks_hold_samples() -> None:
    whole = Streams(Hiding(n_windows=3), 4, [0], "eval").held_out(10, torch.float64)
    assert whole.inputs.shape == (1, 12, 3)
    assert Streams(Counting(), 4, [0], "eval").held_out(10, torch.float64).inputs.shape == (1, 4, 10)
    assert Streams(Hiding(n_windows=30), 4, [0], "eval").held_out(10, torch.float64).inputs.shape == (1, 120, 1)


def test_held_out_samples_are_drawn_by_the_tasks_own_way_where_it_has_one() -> None:
    class Apart(Counting):
        """Of the held-out numbers all start with zero."""

        name: ClassVar[str] = "apart"

        def held_out(self, rng: np.random.Generator, batch_size: int, seq_len: int) -> Batch:
            tape = (np.zeros((batch_size, 1), dtype=np.int64) + np.arange(seq_len + 1)) % 5
            return Batch(tape[:, :-1], tape[:, 1:])

    data = Streams(Apart(), 6, [0], "eval")
    assert (data.held_out(20, torch.float64).inputs[0, 0] == 0).all()
    assert (data.next(20, torch.float64).inputs[0, 0] != 0).any()


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"inputs": np.zeros((4, 7), dtype=np.int64)}, "inputs of shape (4, 7); asked for (4, 6, …)"),
        ({"inputs": np.full((4, 6), 5)}, "tokens from 5 to 5; valid: 0 to 4"),
        ({"inputs": np.tile(np.arange(6), (4, 1))}, "tokens from 0 to 5; valid: 0 to 4"),
        ({"targets": np.tile(np.arange(6), (4, 1))}, "targets of int64 from 0 to 5; valid for Classes(n=5)"),
        ({"inputs": np.full((4, 6), -1)}, "tokens from -1 to -1; valid: 0 to 4"),
        ({"inputs": np.zeros((4, 6))}, "tokens of float64; valid: whole numbers, or vectors (B, T, F)"),
        ({"inputs": np.zeros((4, 6, 3))}, "vectors of length 3, but input_size is 5"),
        ({"inputs": np.zeros((4, 6, 5), dtype=np.int64)}, "vectors of int64, not all finite real numbers"),
        ({"inputs": np.full((4, 6, 5), np.inf)}, "vectors of float64, not all finite real numbers"),
        ({"inputs": np.where(np.arange(5) == 3, np.nan, np.ones((4, 6, 1)))}, "not all finite real numbers"),
        ({"targets": np.full((4, 6), 5)}, "of int64 from 5 to 5; valid for Classes(n=5): whole numbers from 0 to 4"),
        ({"targets": np.full((4, 6), -1)}, "targets of int64 from -1 to -1; valid for Classes(n=5)"),
        ({"targets": np.zeros((4, 6))}, "targets of float64 from 0.0 to 0.0; valid for Classes(n=5)"),
        ({"targets": np.zeros((4, 6, 2), dtype=int)}, "targets of shape (4, 6, 2); valid for Classes(n=5): (B, S)"),
        ({"targets": np.full((4, 6, 3), 2), "outputs": Labels(3)}, "valid for Labels(n=3): whole numbers from 0 to 1"),
        ({"targets": np.zeros((4, 6, 2)), "outputs": Labels(3)}, "valid for Labels(n=3): (B, S, 3)"),
        ({"targets": np.zeros((4, 6), dtype=int), "outputs": Values(0.1)}, "targets of int64; valid for"),
        ({"targets": np.full((4, 6), np.nan), "outputs": Values(0.1)}, "finite real numbers"),
        ({"mask": np.array([[True] * 6] * 3 + [[False] * 6])}, "a sample has no scored output (mask)"),
        ({"judged": np.zeros((4, 6), dtype=bool)}, "no output counts in the accuracy (judged)"),
    ],
)  # fmt: skip
def test_a_batch_that_does_not_fit_its_task_is_refused_in_one_line(changes: dict[str, Any], words: str) -> None:
    class Broken(Counting):
        """Counting, but for one thing."""

        name: ClassVar[str] = "broken"

        @property
        def outputs(self) -> Any:
            return changes.get("outputs", Classes(5))

        def sample(self, rng: np.random.Generator, batch_size: int, seq_len: int) -> Batch:
            plain = super().sample(rng, batch_size, seq_len)
            given = {key: value for key, value in changes.items() if key != "outputs"}
            return Batch(**{"inputs": plain.inputs, "targets": plain.targets, **given})

    with pytest.raises(UserError, match="experiment broken: sample") as found:
        Streams(Broken(), 6, [0], "train").next(4, torch.float64)
    assert words in str(found.value)
    assert "\n" not in str(found.value)


def test_as_many_targets_as_labels_are_accepted() -> None:
    class Fits(Counting):
        """Labels."""

        name: ClassVar[str] = "fits"

        @property
        def outputs(self) -> Any:
            return Labels(2)

        def sample(self, rng: np.random.Generator, batch_size: int, seq_len: int) -> Batch:
            plain = super().sample(rng, batch_size, seq_len)
            return Batch(plain.inputs, rng.integers(2, size=(batch_size, 1, 2)))

    assert Streams(Fits(), 6, [0], "train").next(4, torch.float64).targets.shape == (1, 4, 1, 2)


def test_some_samples_of_some_members_keep_all_that_belongs_to_them() -> None:
    whole = Streams(Hiding(n_windows=3), 4, [0, 1], "probe").answering(7, torch.float64)
    assert whole.window is not None
    pieces = [each.only([1]) for each in whole.chunks(3)]
    assert [piece.targets.shape for piece in pieces] == [(1, 3, 4), (1, 3, 4), (1, 1, 4)]
    for place, piece in enumerate(pieces):
        cut = slice(3 * place, 3 * place + 3)
        assert torch.equal(piece.inputs[0], whole.inputs[1][:, cut])
        for name in ("targets", "mask", "judged", "window"):
            assert torch.equal(getattr(piece, name)[0], getattr(whole, name)[1, cut]), name
        for name in ("cue", "answer"):
            np.testing.assert_array_equal(getattr(piece, name)[0], getattr(whole, name)[1, cut])
        for one, other in zip(piece.earlier, whole.earlier, strict=True):
            assert torch.equal(one[0], other[1][:, cut])
        assert piece.batches == [whole.batches[1]]
    plain = Streams(Counting(), 4, [0], "train").next(5, torch.float64).samples(1, 3)
    assert plain.window is None
    assert plain.only([0]).earlier == ()
