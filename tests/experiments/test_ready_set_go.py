"""Intervals that are produced again, against a clock."""

from __future__ import annotations

import numpy as np
import pytest

from harness.experiments.ready_set_go import ReadySetGo
from tests.helpers.claims import assert_borne_out, trained
from tests.helpers.tasks import draw, lookup


@pytest.mark.parametrize("seq_len", [6, 8, 32])
def test_it_is_time_to_go_as_long_after_set_as_set_was_after_ready(seq_len: int) -> None:
    task = ReadySetGo()
    batch = draw(task, 300, seq_len)
    for index, (row, answers, mask) in enumerate(zip(batch.inputs, batch.targets, batch.mask, strict=True)):
        words = task.show(batch, index, np.eye(2)[answers]).words
        ready, at_set = words.index("ready"), words.index("set")
        assert len([token for token in row if token]) == 2
        interval = at_set - ready
        asked = {step: answer for step, (answer, counts) in enumerate(zip(answers, mask, strict=True)) if counts}
        assert {step - at_set for step in asked} == {*range(1, 2 * interval - 1)}
        assert all(answer == (step - at_set >= interval) for step, answer in asked.items())
        assert sum(asked.values()) * 2 == len(asked), "as often yes as no"
        assert batch.cue[index].tolist() == [ready + 1, at_set + 1]


def test_intervals_are_from_half_of_the_longest_to_the_longest_and_ready_has_room() -> None:
    batch = draw(ReadySetGo(), 4000, 32)
    intervals = np.diff(batch.cue, axis=1)[:, 0]
    assert {*intervals.tolist()} == {6, 7, 8, 9, 10, 11}
    for interval in (6, 11):
        assert {*batch.cue[intervals == interval, 0].tolist()} == {*range(1, 35 - 3 * interval)}


def test_without_memory_one_answer_in_two_is_right() -> None:
    task = ReadySetGo()
    batch = draw(task, 4000, 20)
    found = lookup(batch.inputs[batch.mask], batch.targets[batch.mask])
    assert found.counts.shape == (1, 2), "there is nothing to be seen at these steps"
    assert found.accuracy == pytest.approx(task.chance(20), abs=0.01)
    assert found.loss == pytest.approx(task.chance_loss(20), abs=0.001)


def test_the_words_say_how_long_after_set_the_network_goes() -> None:
    task = ReadySetGo()
    batch = draw(task, 1, 20)
    interval = int(np.diff(batch.cue[0])[0])
    late = np.roll(np.eye(2)[batch.targets[0]], 1, axis=0)
    assert task.show(batch, 0, np.eye(2)[batch.targets[0]]).answered == f"{interval} steps"
    assert task.show(batch, 0, late).answered == f"{interval + 1} steps"
    assert task.show(batch, 0, np.zeros((20, 2))).answered == "?"
    assert task.show(batch, 0, late).expected == f"{interval} steps"


@pytest.mark.slow
def test_a_linear_network_measures_time_and_one_without_memory_does_not() -> None:
    runs = trained(ReadySetGo, ["linear", "gru", "feedforward"], seq_len=32, hidden_size=32, train={"steps": 500})
    assert_borne_out(ReadySetGo, runs)
