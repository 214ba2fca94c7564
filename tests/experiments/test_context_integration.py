"""Selecting by context, against the signals' means, and against somebody who knows the formula."""

from __future__ import annotations

import numpy as np
import pytest

from harness.experiments.context_integration import ContextIntegration
from tests.helpers.claims import assert_borne_out, trained
from tests.helpers.tasks import draw


@pytest.mark.parametrize("seq_len", [2, 16])
def test_the_answer_is_the_sign_of_the_signal_in_question(seq_len: int) -> None:
    task = ContextIntegration(noise=0)
    batch = draw(task, 300, seq_len)
    for index, (inputs, answer) in enumerate(zip(batch.inputs, batch.targets, strict=True)):
        *signals, last = inputs.tolist()
        motion, colour, by_motion, by_colour = signals[0]
        assert all(step == signals[0] for step in signals)
        assert last == [0, 0, 0, 0]
        assert {by_motion, by_colour} == {0, 1}
        assert answer.item() == ((motion if by_motion else colour) > 0)
        shown = task.show(batch, index, np.eye(2)[answer])
        assert shown.text.startswith("motion: [" if by_motion else "colour: ")
        assert shown.expected == shown.answered == ("right" if answer.item() else "left")
    assert (batch.cue == np.arange(1, seq_len)).all()


def test_means_are_independent_and_each_as_frequent_as_another() -> None:
    signals = draw(ContextIntegration(noise=0), 36_000, 2).inputs[:, 0, :2]
    pairs, counts = np.unique(signals, axis=0, return_counts=True)
    assert len(pairs) == 36
    assert counts == pytest.approx(np.full(36, 1000), rel=0.2)


@pytest.mark.parametrize(("noise", "seq_len"), [(0.3, 3), (1.0, 16)])
def test_who_goes_by_the_sum_is_right_as_often_as_is_said(noise: float, seq_len: int) -> None:
    task = ContextIntegration(noise=noise)
    batch = draw(task, 20_000, seq_len)
    sums, context = batch.inputs[..., :2].sum(axis=1), batch.inputs[:, 0, 2:].argmax(axis=1)
    right = (sums[np.arange(20_000), context] > 0) == batch.targets[:, 0]
    assert right.mean() == pytest.approx(task.ideal(seq_len), abs=0.01)
    assert ContextIntegration().ideal(16) > ContextIntegration().solved_at
    assert ContextIntegration(noise=0).ideal(16) == 1


def test_at_the_end_left_and_right_are_equally_likely() -> None:
    task = ContextIntegration()
    assert draw(task, 20_000, 4).targets.mean() == pytest.approx(task.chance(4), abs=0.015)


@pytest.mark.slow
def test_a_gru_selects_what_a_linear_network_cannot() -> None:
    runs = trained(ContextIntegration, ["gru", "linear"], seq_len=16, hidden_size=32, train={"steps": 350})
    assert_borne_out(ContextIntegration, runs)
