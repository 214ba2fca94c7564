"""The multiplication problem against a reading of its rows by hand, and its baselines against counting."""

from __future__ import annotations

import numpy as np
import pytest

from harness.experiments.multiplication import Multiplication
from tests.helpers.claims import assert_borne_out, trained
from tests.helpers.tasks import draw, scores


@pytest.mark.parametrize("seq_len", [3, 4, 9, 50])
def test_the_answer_is_the_product_of_the_two_marked_numbers(seq_len: int) -> None:
    batch = draw(Multiplication(), 300, seq_len)
    for row, target, cue in zip(batch.inputs, batch.targets, batch.cue, strict=True):
        marked = [(step, number) for step, (number, mark) in enumerate(row, start=1) if mark]
        assert [step for step, _ in marked] == cue.tolist()
        assert marked[0][0] <= seq_len // 2 < marked[1][0] < seq_len
        assert target.item() == marked[0][1] * marked[1][1]


def test_the_mean_has_the_stated_chance_and_loss_and_a_small_product_is_right_more_often() -> None:
    task = Multiplication()
    targets = draw(task, 200_000, 6).targets
    right = {constant: scores(task, constant, targets)[0] for constant in np.arange(0, 1, 0.01).round(2)}
    assert max(right.values()) == pytest.approx(0.282, rel=0.01)
    assert max(right, key=right.__getitem__) == pytest.approx(0.04)
    accuracy, loss = scores(task, 0.25, targets)
    assert accuracy == pytest.approx(task.chance(6), abs=0.003)
    assert task.chance(6) == pytest.approx(0.111, abs=0.0005)
    assert loss == pytest.approx(task.chance_loss(6), rel=0.01)


def test_a_row_is_shown_with_its_marked_numbers() -> None:
    batch = draw(Multiplication(), 1, 7)
    shown = Multiplication().show(batch, 0, batch.targets[:, :, None][0])
    numbers = [float(word[1:-1]) for word in shown.text.split() if word.startswith("[")]
    assert np.prod(numbers) == pytest.approx(float(shown.expected), abs=0.02)
    assert shown.answered == shown.expected
    assert Multiplication().show(batch, 0, np.array([[np.nan]])).answered == "?"


@pytest.mark.slow
def test_a_gru_multiplies_where_a_plain_rnn_does_not() -> None:
    train = {"steps": 900}
    runs = trained(Multiplication, ["rnn", "gru"], seq_len=40, hidden_size=32, train=train, probe={"every": 150})
    assert_borne_out(Multiplication, runs)
    assert runs.accuracy[runs.cell == "rnn"].mean() < 0.282
