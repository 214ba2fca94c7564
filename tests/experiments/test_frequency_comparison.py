"""Comparing frequencies, against their table."""

from __future__ import annotations

import numpy as np
import pytest

from harness.experiments.frequency_comparison import FrequencyComparison
from tests.helpers.claims import assert_borne_out, trained
from tests.helpers.tasks import draw, lookup


@pytest.mark.parametrize("seq_len", [3, 12])
def test_the_answer_says_which_of_the_two_was_higher(seq_len: int) -> None:
    task = FrequencyComparison(noise=0)
    batch = draw(task, 300, seq_len)
    seen = set()
    for index, answer in enumerate(batch.targets[:, 0]):
        shown = task.show(batch, index, np.eye(2)[[answer]])
        first, *delay, second, last = shown.words
        assert {*delay, last} == {"."}
        assert answer == (int(first) > int(second))
        assert shown.expected == shown.answered == ("the first" if answer else "the second")
        seen.add(tuple(sorted((int(first), int(second)))))
    assert seen == {(10, 18), (14, 22), (18, 26), (22, 30), (26, 34)}
    assert (batch.cue == [1, seq_len - 1]).all()


def test_the_second_frequency_alone_is_right_in_seven_of_ten() -> None:
    task = FrequencyComparison(noise=0)
    batch = draw(task, 40_000, 5)
    for step, share in [(0, 0.7), (3, 0.7), (4, task.chance(5))]:
        rate = np.rint(batch.inputs[:, step, 0] * 12 + 22).astype(int)
        assert lookup(rate, batch.targets[:, 0]).accuracy == pytest.approx(share, abs=0.01)
    assert task.chance_loss(5) == pytest.approx(np.log(2))


def test_noise_is_in_the_rate_alone_and_the_last_step_is_empty() -> None:
    inputs = draw(FrequencyComparison(noise=0.1), 2000, 9).inputs
    assert inputs[:, 1:-2, 0].std() == pytest.approx(0.1, abs=0.003)
    assert (inputs[:, -1] == 0).all()
    assert (inputs[..., 1] == np.isin(np.arange(9), [0, 7])).all()


@pytest.mark.slow
def test_a_gru_has_forgotten_the_first_frequency_where_an_lstm_has_not() -> None:
    runs = trained(
        FrequencyComparison, ["lstm", "gru"], seq_len=100, hidden_size=32, seed=[0, 1, 2, 3], train={"steps": 400}
    )
    assert_borne_out(FrequencyComparison, runs)
