"""The adding problem against a reading of its rows by hand."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from harness.experiments.adding import Adding
from harness.tasks.outputs import Values
from tests.helpers.claims import assert_borne_out, trained
from tests.helpers.tasks import draw, scores


@pytest.mark.parametrize("seq_len", [3, 4, 9, 50])
def test_the_answer_is_the_sum_of_the_two_marked_numbers(seq_len: int) -> None:
    batch = draw(Adding(), 300, seq_len)
    for row, target, cue in zip(batch.inputs, batch.targets, batch.cue, strict=True):
        marked = [(step, number) for step, (number, mark) in enumerate(row, start=1) if mark]
        assert [step for step, _ in marked] == cue.tolist()
        assert marked[0][0] <= seq_len // 2 < marked[1][0] < seq_len
        assert target.item() == marked[0][1] + marked[1][1]


@pytest.mark.parametrize("seq_len", [24, 55, 110])
def test_rows_as_first_published_are_read_by_hand(seq_len: int) -> None:
    shortest = {24: 22, 55: 50, 110: 100}[seq_len]
    batch = draw(Adding(protocol="hochreiter"), 2000, seq_len)
    lengths, empty, first_ten = [], 0, np.zeros(10)
    for row, targets, asked, cue in zip(batch.inputs, batch.targets, batch.mask, batch.cue, strict=True):
        (end,) = np.flatnonzero(row[:, 1] == -1)[-1:]
        assert not row[end + 1 :].any()
        marked = np.flatnonzero(row[:, 1] == 1)
        assert (marked + 1).tolist() == cue.tolist()
        assert len(marked) == 2
        assert marked.min() < 10
        assert marked.max() < shortest // 2 - 1
        assert row[0, 1] == (1 if 0 in marked else -1)
        assert 0 not in marked or row[0, 0] == 0
        assert (np.abs(row[:, 0]) <= 1).all()
        (place,) = np.flatnonzero(asked)
        assert batch.scored[place] == end + 1
        assert targets[place] == pytest.approx(0.5 + row[marked, 0].sum() / 4)
        lengths.append(end + 1)
        empty += 0 in marked
        first_ten[marked[marked < 10]] += 1
    assert (min(lengths), max(lengths)) == (shortest, seq_len)
    assert np.mean(lengths) == pytest.approx((shortest + seq_len) / 2, abs=0.3)
    assert (first_ten > 0).all()
    numbers = batch.inputs[:, 1:shortest, 0]
    assert numbers.mean() == pytest.approx(0, abs=0.02)
    assert numbers.std() == pytest.approx(1 / np.sqrt(3), abs=0.01)


def test_one_half_has_the_stated_accuracy_and_loss_as_first_published() -> None:
    task = Adding(protocol="hochreiter")
    batch = draw(task, 100_000, 24)
    accuracy, loss = scores(task, 0.5, batch.targets[batch.mask][:, None])
    assert loss == pytest.approx(task.chance_loss(24), rel=0.02)
    assert accuracy == pytest.approx(task.chance(24), abs=0.004)
    # At T = 22 ten steps may be marked, and the first one is with probability 1/10 + 9/10 · 1/9.
    assert (batch.inputs[:, 0, 1] == 1).mean() == pytest.approx(0.2, abs=0.005)


def test_a_padded_row_is_shown_up_to_its_end() -> None:
    task = Adding(protocol="hochreiter")
    batch = draw(task, 5, 33)
    for index in range(5):
        shown = task.show(batch, index, batch.targets[index][:, None])
        assert len(shown.text.split()) == batch.answer[index]
        numbers = [float(word[1:-1]) for word in shown.text.split() if word.startswith("[")]
        assert 0.5 + sum(numbers) / 4 == pytest.approx(float(shown.expected), abs=0.01)
        assert float(shown.answered) == pytest.approx(float(shown.expected), abs=0.006)


def test_answering_the_mean_gives_the_stated_chance_and_loss() -> None:
    task = Adding()
    accuracy, loss = scores(task, 1.0, draw(task, 200_000, 6).targets)
    assert loss == pytest.approx(task.chance_loss(6), rel=0.01)
    assert accuracy == pytest.approx(task.chance(6), rel=0.02)


def test_right_is_off_by_no_more_than_the_tolerance_and_nan_is_never_right() -> None:
    outputs = torch.tensor([[1.0], [1.04], [1.05], [np.nan], [np.inf]])
    assert Values(tolerance=0.0401).right(outputs, torch.ones(5)).tolist() == [True, True, False, False, False]


def test_a_row_is_shown_with_its_marked_numbers() -> None:
    batch = draw(Adding(), 1, 7)
    shown = Adding().show(batch, 0, batch.targets[:, :, None][0])
    numbers = [float(word[1:-1]) for word in shown.text.split() if word.startswith("[")]
    assert sum(numbers) == pytest.approx(float(shown.expected), abs=0.02)


@pytest.mark.slow
def test_gated_cells_add_where_a_plain_rnn_answers_the_mean() -> None:
    runs = trained(Adding, ["rnn", "gru", "lstm"], seq_len=40, hidden_size=32, seed=[0, 1], train={"steps": 2000})
    assert_borne_out(Adding, runs)
