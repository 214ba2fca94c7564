"""Delayed match to sample, against a reading of its tuned units."""

from __future__ import annotations

import numpy as np
import pytest

from harness.experiments.delayed_match import DelayedMatch
from tests.helpers.claims import assert_borne_out, trained
from tests.helpers.tasks import draw, lookup


def read(inputs: np.ndarray) -> np.ndarray:
    """The directions (B,) that units (B, n) tell: the angle of the sum of what each prefers."""
    count = inputs.shape[-1]
    angle = np.angle(inputs @ np.exp(2j * np.pi * np.arange(count) / count))
    return np.rint(angle * count / (2 * np.pi)).astype(int) % count


@pytest.mark.parametrize(("directions", "shown", "seq_len"), [(4, 2, 12), (8, 1, 2), (3, 3, 20)])
def test_it_is_asked_whether_sample_and_test_are_one_direction(directions: int, shown: int, seq_len: int) -> None:
    task = DelayedMatch(directions=directions, shown=shown, noise=0)
    batch = draw(task, 200, seq_len)
    samples, tests = batch.inputs[:, :shown], batch.inputs[:, -shown:]
    assert (samples == samples[:, :1]).all()
    assert (tests == tests[:, :1]).all()
    assert (batch.inputs[:, shown : seq_len - shown] == 0).all()
    assert ((read(samples[:, 0]) == read(tests[:, 0])) == batch.targets[:, 0]).all()
    assert batch.inputs.max() == pytest.approx(1)
    assert (batch.cue == np.arange(1, shown + 1)).all()


def test_in_words_it_is_directions_and_whether_they_are_the_same() -> None:
    task = DelayedMatch(shown=1, noise=0)
    batch = draw(task, 40, 5)
    for index, target in enumerate(batch.targets[:, 0]):
        shown = task.show(batch, index, np.eye(2)[[target]])
        first, *delay, last = shown.words
        assert delay == [".", ".", "."]
        assert shown.expected == shown.answered == ("the same" if first == last else "another")


def test_noise_is_at_every_step_and_as_large_as_is_said() -> None:
    quiet, noisy = (draw(DelayedMatch(noise=noise), 500, 12).inputs for noise in (0, 0.3))
    assert (noisy[:, 2:-2]).std() == pytest.approx(0.3, abs=0.01)
    assert quiet.shape == noisy.shape


def test_the_test_tells_nothing_by_itself() -> None:
    task = DelayedMatch(noise=0)
    batch = draw(task, 40_000, 6)
    found = lookup(read(batch.inputs[:, -1]), batch.targets[:, 0])
    assert found.accuracy == pytest.approx(task.chance(6), abs=0.015)
    assert found.loss == pytest.approx(task.chance_loss(6), abs=0.001)


@pytest.mark.slow
def test_an_lstm_compares_over_a_delay_what_a_linear_network_cannot() -> None:
    runs = trained(DelayedMatch, ["lstm", "linear"], seq_len=12, hidden_size=64, train={"steps": 600})
    assert_borne_out(DelayedMatch, runs)
