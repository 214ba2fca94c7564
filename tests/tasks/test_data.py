"""Batches, and the tensors that are made of them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, ClassVar

import numpy as np
import pytest
import torch

from harness.base.seeds import stream
from harness.tasks.batch import Batch, answer_phase
from harness.tasks.outputs import Values
from harness.tasks.streams import Streams
from harness.training.building import streams
from tests.conftest import Config
from tests.helpers.counting import Counting, settings

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
        ({"scored": [1, 2, 2, 3]}, "increasing"),
        ({"scored": [1, 2, 3, 5]}, "steps from 1 to 4"),
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
    assert answer_phase(answers, marker=9, blank=0).tolist() == [[9, 0, 0]]
    assert answer_phase(answers, marker=9, feedback=10).tolist() == [[9, 14, 15]]
    with pytest.raises(ValueError, match="either"):
        answer_phase(answers, marker=9)


def test_a_loss_in_which_all_outputs_count_is_that_of_the_mask_to_the_bit(config: Config) -> None:
    data = streams(settings(config, Counting(), seed=[0, 1]), "train").next(16, torch.float32)
    outputs = torch.randn(2, 16, 8, 5, generator=torch.Generator().manual_seed(1), requires_grad=True)
    gradients = []
    for all_count in (True, False):
        loss = replace(data, all_count=all_count).loss(outputs)
        gradients.append((loss, torch.autograd.grad(loss.sum(), outputs)[0]))
    assert data.all_count
    assert all(map(torch.equal, *gradients))


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


class WhereItLikes(Counting):
    """The step that is scored is drawn: for each batch, or, by a mask, for each sample."""

    name: ClassVar[str] = "where_it_likes"
    masks: bool = False

    def sample(self, rng: np.random.Generator, batch_size: int, seq_len: int) -> Batch:
        tape = np.arange(seq_len) % 5 + np.zeros((batch_size, 1), dtype=np.int64)
        if not self.masks:
            step = rng.integers(1, seq_len + 1)
            return Batch(tape, tape[:, step - 1 : step], scored=[step])
        steps = rng.integers(1, seq_len + 1, size=(batch_size, 1))
        return Batch(tape, tape, mask=np.arange(1, seq_len + 1) == steps)


def test_steps_that_are_scored_for_one_seed_are_not_read_for_another(config: Config) -> None:
    alone = streams(settings(config, WhereItLikes(), seed=1), "train").next(4, torch.float32)
    drawn = stream(1, "train", "where_it_likes", 8).integers(1, 9)
    assert alone.scored == [drawn]
    data = streams(settings(config, WhereItLikes(), seed=[0, 1, 2]), "train").next(4, torch.float32)
    asked = [int(stream(seed, "train", "where_it_likes", 8).integers(1, 9)) for seed in (0, 1, 2)]
    assert data.scored == sorted(set(asked))
    for member, step in enumerate(asked):
        assert data.answer[member].tolist() == [step] * 4
        assert [data.scored[place] for place in data.mask[member, 0].nonzero()[:, 0].tolist()] == [step]
    masked = streams(settings(config, WhereItLikes(masks=True), seed=[0, 1]), "train").next(4, torch.float32)
    for member in (0, 1):
        steps = stream(member, "train", "where_it_likes", 8).integers(1, 9, size=(4, 1))
        assert (masked.mask[member].numpy() == (np.arange(1, 9) == steps)).all()


def test_data_have_the_types_that_networks_and_losses_read() -> None:
    class Real(Counting):
        """Vectors, and a real answer."""

        name: ClassVar[str] = "real"

        @property
        def outputs(self) -> Any:
            return Values(0.1)

        def sample(self, rng: np.random.Generator, batch_size: int, seq_len: int) -> Batch:
            return Batch(rng.random((batch_size, seq_len, 5)), rng.random((batch_size, 1)))

    tokens = Streams(Counting(), 4, [0], "train").next(3, torch.float32)
    vectors = Streams(Real(), 4, [0], "train").next(3, torch.float32)
    assert (tokens.inputs.dtype, tokens.targets.dtype) == (torch.int64, torch.int64)
    assert (vectors.inputs.dtype, vectors.targets.dtype) == (torch.float32, torch.float32)
    assert vectors.inputs.shape == (1, 4, 3, 5)
    assert tokens.all_count
    assert tokens.answer.tolist() == [[4, 4, 4]]
    for made in (tokens, vectors):
        double = made.to(torch.float64)
        for name in ("inputs", "targets"):
            before, after = getattr(made, name), getattr(double, name)
            assert after.dtype == (torch.float64 if before.dtype == torch.float32 else torch.int64)
            assert torch.equal(before, after.to(before.dtype))
        (earlier,) = replace(made, earlier=(made.inputs,)).to(torch.float64).earlier
        assert earlier.dtype == double.inputs.dtype


@pytest.mark.parametrize(
    ("steps", "scored", "count", "fits"),
    [(8, 8, 2, True), (8, 8, 3, False), (8, 7, 2, False), (9, 8, 3, False), (8, 4, 1, True)],
)
def test_windows_need_targets_at_every_step_and_a_length_that_divides(
    steps: int, scored: int, count: int, fits: bool
) -> None:
    batch = Batch(np.zeros((2, steps), dtype=np.int64), np.zeros((2, scored), dtype=np.int64))
    if fits:
        assert len(batch.windows(count)) == count
    else:
        with pytest.raises(
            ValueError, match=f"sequences of {steps} steps, {scored} of them scored, cannot be cut into"
        ):
            batch.windows(count)


def test_losses_are_means_over_what_counts_and_of_the_last_judged_answer() -> None:
    data = Streams(Counting(), 6, [0], "train").next(4, torch.float64)
    logits = torch.randn(1, 4, 6, 5, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    each = -torch.log_softmax(logits, -1).gather(-1, data.targets[..., None])[..., 0]
    data = replace(data, all_count=False, mask=torch.tensor([[[True, True, False, True, True, False]] * 4]),
                   judged=torch.tensor([[[False, True, False, True, False, False]] * 4]),
                   answer=np.array([[4, 4, 4, 0]]))  # fmt: skip
    torch.testing.assert_close(data.loss(logits)[0], each[0][:, [0, 1, 3, 4]].mean(1))
    expected = each[0][:, 3].clone()
    expected[3] = 0
    torch.testing.assert_close(data.answer_loss(logits)[0], expected)
    assert not data.one_answer
    last = torch.tensor([[[False, False, False, True, False, False]] * 4])
    assert not replace(data, mask=last, judged=last).one_answer  # the fourth sample has none
    assert replace(data, mask=last, judged=last, answer=np.array([[4, 4, 4, 4]])).one_answer
    right = (logits.argmax(-1) == data.targets)[0][:, [1, 3]].sum(1)
    assert torch.equal(data.right(logits)[0], right)
    once = Batch(np.zeros((3, 4), dtype=np.int64), np.zeros((3, 1), dtype=np.int64))
    assert once.answer.tolist() == [4, 4, 4]
