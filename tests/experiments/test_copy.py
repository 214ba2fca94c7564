"""The copy task against a replay of its tape, symbol by symbol."""

from __future__ import annotations

import numpy as np
import pytest

from harness.experiments.copy import Copy
from tests.helpers.claims import assert_borne_out, trained
from tests.helpers.tasks import draw


@pytest.mark.parametrize(("length", "seq_len"), [(10, 20), (10, 45), (1, 2), (3, 11)])
def test_what_was_read_before_the_silence_is_said_after_the_marker(length: int, seq_len: int) -> None:
    task = Copy(symbols=8, length=length)
    batch = draw(task, 100, seq_len)
    for inputs, targets, judged in zip(batch.inputs, batch.targets, batch.judged, strict=True):
        heard, said, answering = [], [], False
        for token, target, counts in zip(inputs, targets, judged, strict=True):
            if token == 9:
                answering = True
            if token < 8:
                heard.append(token)
            if answering:
                said.append(target)
            else:
                assert target == 8
            assert counts == answering
        assert heard == said
        assert len(said) == length


def test_the_stated_loss_is_that_of_silence_and_then_guessing() -> None:
    task = Copy()
    batch = draw(task, 1000, 120)
    probability = np.zeros((1000, 120, 9))
    probability[:, :110, 8] = 1
    probability[:, 110:, :8] = 1 / 8
    of_target = np.take_along_axis(probability, batch.targets[..., None], axis=-1)[..., 0]
    assert -np.log(of_target).mean() == pytest.approx(task.chance_loss(120))
    assert task.chance_loss(120) == pytest.approx(10 * np.log(8) / (100 + 20))


def test_the_symbols_are_the_information() -> None:
    batch = draw(Copy(length=3), 5, 9)
    assert batch.cue.tolist() == [[1, 2, 3]] * 5


@pytest.mark.slow
def test_gated_cells_repeat_more_after_a_silence_than_a_plain_rnn() -> None:
    runs = trained(
        Copy, ["rnn", "gru", "lstm"], {"length": 5}, seq_len=20, hidden_size=64, seed=[0, 1],
        train={"steps": 1500},
    )  # fmt: skip
    assert_borne_out(Copy, runs)
