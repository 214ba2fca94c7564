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
