"""The cosine beside a sine, against the addition theorem and the unit circle; and chance against the best bet."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from harness.base.seeds import stream
from harness.experiment import Tables
from harness.experiments.sine_to_cosine import Followed, SineToCosine
from harness.settings.members import members
from harness.training.pack import run
from tests.conftest import Config
from tests.helpers.claims import assert_borne_out, trained
from tests.helpers.tasks import draw, scores


def test_sine_and_cosine_walk_round_the_unit_circle_in_steps_of_a_tenth_of_pi() -> None:
    batch = draw(SineToCosine(), 50, 30)
    place = batch.targets + 1j * batch.inputs[..., 0]
    assert np.allclose(abs(place), 1)
    assert np.allclose(place[:, 1:], place[:, :-1] * np.exp(1j * np.pi / 10))
    assert np.allclose(place[:, 20:], place[:, :10])
    assert len(np.unique(place[:, 0].round(6))) == 50


def test_a_few_held_out_sequences_stand_for_all() -> None:
    task, shares, starts = SineToCosine(), [], []
    for seed in range(300):
        batch = task.held_out(stream(seed, "test"), 5, 40)
        shares.append(scores(task, 0.0, batch.targets)[0])
        starts.append(np.arctan2(batch.inputs[:, 0, 0], batch.targets[:, 0]))
    # Drawn one by one, five sequences would give anything from 0 to 0.1.
    assert {round(share, 6) for share in shares} == {0.06, 0.08}
    assert np.mean(shares) == pytest.approx(task.chance(10), abs=0.002)
    counts, _ = np.histogram(starts, bins=10, range=(-np.pi, np.pi))
    np.testing.assert_allclose(counts / 1500, 0.1, atol=0.03)


def test_one_step_of_memory_is_enough() -> None:
    batch = draw(SineToCosine(), 50, 30)
    sine, step = batch.inputs[..., 0], np.pi / 10
    assert np.allclose((np.cos(step) * sine[:, 1:] - sine[:, :-1]) / np.sin(step), batch.targets[:, 1:])


def test_the_mean_has_the_stated_accuracy_and_loss_and_a_bet_on_one_sign_is_right_more_often() -> None:
    task = SineToCosine()
    batch = draw(task, 20_000, 10)
    accuracy, loss = scores(task, 0.0, batch.targets)
    assert accuracy == pytest.approx(task.chance(10), abs=0.002)
    assert loss == pytest.approx(task.chance_loss(10), rel=0.01)
    bet = np.sqrt(1 - np.minimum(batch.inputs**2, 1))
    # Where both signs are within the tolerance of zero, zero is right for either.
    bet[bet < task.outputs.tolerance] = 0
    assert scores(task, bet, batch.targets)[0] == pytest.approx(0.532, abs=0.005)


def test_a_long_sequence_is_cut_into_the_tutorials_windows() -> None:
    task = SineToCosine()
    windows = draw(task, 2, task.windows * 10).windows(task.windows)
    assert len(windows) == 100
    half_turn = [window.inputs[0, :, 0] for window in windows]
    assert np.allclose(half_turn[0], -half_turn[1])


def test_the_figure_shows_what_runs_of_one_seed_said_of_one_sequence(config: Config) -> None:
    made = [
        run(members(config(experiment="sine_to_cosine", cell=cell, seq_len=5, seed=[0, 1], train={"steps": 2})))
        for cell in ("rnn", "lstm")
    ]
    tables = Tables({name: pd.concat([each[name] for each in made]) for name in made[0]})
    (axis,) = Followed().draw(tables).axes
    sine, rnn, lstm, cosine = (np.array(line.get_ydata()) for line in axis.lines)
    assert np.allclose(np.hypot(sine, cosine), 1, atol=0.01)
    assert not np.array_equal(rnn, lstm)
    told = tables.samples[tables.samples["sample"] == 0]
    assert " ".join(f"{value:.2f}" for value in cosine) in set(told.expected)
    assert {" ".join(f"{value:.2f}" for value in line) for line in (rnn, lstm)} <= set(told.answered)


@pytest.mark.slow
def test_windows_of_ten_steps_teach_a_plain_rnn_what_no_network_without_memory_can_know() -> None:
    runs = trained(
        SineToCosine, ["rnn", "feedforward"], seq_len=10, hidden_size=32, seed=[0, 1],
        train={"steps": 1000, "lr": 0.02},
    )  # fmt: skip
    assert_borne_out(SineToCosine, runs)
    blind = runs[runs.cell == "feedforward"]
    assert blind.accuracy.tolist() == pytest.approx([0.064, 0.064], abs=0.06)
    assert blind.loss.tolist() == pytest.approx([0.5, 0.5], abs=0.03)
