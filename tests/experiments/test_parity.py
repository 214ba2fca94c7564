"""Parity against a count by hand."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from harness.experiment import Tables
from harness.experiments.parity import Parity
from tests.helpers.claims import assert_borne_out, borne_out, trained, with_seeds
from tests.helpers.tasks import draw, lookup


@pytest.mark.parametrize("seq_len", [2, 7, 40])
def test_answers_say_whether_the_ones_so_far_are_odd(seq_len: int) -> None:
    batch = draw(Parity(running=True), 100, seq_len)
    for bits, answers, judged in zip(batch.inputs.tolist(), batch.targets.tolist(), batch.judged, strict=True):
        assert answers == [bits[: step + 1].count(1) % 2 for step in range(seq_len)]
        assert judged.tolist() == [False] * (seq_len - 1) + [True]


def test_the_final_form_asks_the_last_answer_of_the_running_one() -> None:
    running, final = (draw(Parity(running=running), 50, 9) for running in (True, False))
    assert (running.inputs == final.inputs).all()
    assert (running.targets[:, -1:] == final.targets).all()


@pytest.mark.parametrize("running", [True, False])
def test_no_memoryless_predictor_beats_chance_and_the_best_one_has_the_stated_loss(running: bool) -> None:
    task = Parity(running=running)
    batch = draw(task, 50_000, 4)
    bits = batch.inputs[:, batch.scored - 1]
    assert lookup(bits, batch.targets).loss == pytest.approx(task.chance_loss(4), abs=0.003)
    for table in ([0, 0], [1, 1], [0, 1], [1, 0]):
        right = (np.array(table)[bits] == batch.targets)[batch.judged].mean()
        assert right == pytest.approx(task.chance(4), abs=0.01)


@pytest.mark.slow
def test_what_is_asked_at_every_step_is_learned_and_what_is_asked_at_the_end_is_not() -> None:
    runs = trained(
        Parity, "rnn", {"running": [True, False]}, seq_len=20, hidden_size=32, seed=[0, 1],
        train={"steps": 1500},
    )  # fmt: skip
    assert_borne_out(Parity, runs)


@pytest.mark.parametrize(("running", "final", "holds"), [(1.0, 0.5, True), (0.8, 0.5, False), (1.0, 1.0, False)])
def test_the_claim_needs_both_forms(running: float, final: float, holds: bool) -> None:
    runs = pd.DataFrame({"experiment.running": [True, False], "accuracy": [running, final], "weight_scale": 1.0})
    runs = runs.assign(cell="rnn", seq_len=20, status="ok", chance=0.5, solved=runs.accuracy > 0.95)
    verdict = Parity.bears_out(Tables({"runs": with_seeds(runs)}))
    assert verdict is not None
    assert verdict.holds == holds
    assert "asked at every step (2 runs)" in verdict.numbers
    assert borne_out(Parity, runs[:1]) is None
