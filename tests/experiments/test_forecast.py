"""Forecasts against another integrator, conserved energy, and what is known of the Lorenz system."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy.integrate import solve_ivp

from harness.experiments.forecast import MIRROR, Forecast, lorenz, pendulum, runge_kutta, states, trajectories
from tests.helpers.claims import assert_borne_out, borne_out, trained
from tests.helpers.tasks import draw


def test_trajectories_are_those_of_another_integrator_for_as_long_as_chaos_lets_them() -> None:
    for own in states("lorenz")[:2, 50:71]:
        other = solve_ivp(
            lambda _, s: [10 * (s[1] - s[0]), s[0] * (28 - s[2]) - s[1], s[0] * s[1] - 8 / 3 * s[2]],
            (0, 2), own[0], "DOP853", np.linspace(0, 2, 21), rtol=1e-8, atol=1e-8,
        )  # fmt: skip
        assert np.abs(other.y.T - own).max() < 0.01


def test_a_pendulum_keeps_its_energy_and_stays_on_its_circle() -> None:
    cosine, sine, speed = np.moveaxis(states("pendulum"), -1, 0)
    energy = speed**2 / 2 - cosine
    assert np.ptp(energy, axis=1).max() < 1e-4
    assert np.abs(cosine**2 + sine**2 - 1).max() < 1e-12
    assert np.ptp(energy[:, 0]) > 0.5, "of different energies"


def test_neighbours_part_with_the_exponent_of_the_docstring() -> None:
    here, apart, grown = states("lorenz")[:, -1], 1e-7, []
    there = here + apart / np.sqrt(3)
    for step in range(900):
        here, there = (runge_kutta(lorenz, each, 0.02) for each in (here, there))
        distance = np.linalg.norm(there - here, axis=1, keepdims=True)
        there = here + (there - here) * apart / distance
        if step >= 100:
            grown.append(np.log(distance / apart))
    assert np.mean(grown) / 0.02 == pytest.approx(0.906, abs=0.03)


@pytest.mark.parametrize(("system", "move"), [("lorenz", lorenz), ("pendulum", pendulum)])
def test_a_mirror_image_is_a_trajectory_too(system: str, move: Any) -> None:
    signs = MIRROR["lorenz"] if system == "lorenz" else np.array([-1.0, -1.0])
    state = np.random.default_rng(0).normal(size=(20, len(signs)))
    assert np.allclose(move(signs * state), signs * move(state))


@pytest.mark.parametrize("system", ["lorenz", "pendulum"])
def test_the_network_sees_the_beginning_and_is_asked_for_the_rest(system: str) -> None:
    task = Forecast(system=system, seen=4)
    for held_out in (False, True):
        batch = draw(task, 4, 12, held_out)
        whole = np.concatenate([batch.inputs[:, :4], batch.targets], axis=1)
        assert (batch.inputs[:, 4:] == 0).all()
        assert batch.scored.tolist() == [*range(5, 13)]
        paths = trajectories(system)
        for piece in whole:
            found = [np.abs(paths - sign * piece[0]).max(axis=-1) < 1e-12 for sign in (1, MIRROR[system])]
            (mirrored, which, start), *_ = np.argwhere(found)
            sign = MIRROR[system] if mirrored else 1
            assert np.allclose(paths[which, start : start + 12], sign * piece)
            assert which % 2 == held_out


@pytest.mark.parametrize("system", ["lorenz", "pendulum"])
def test_without_memory_the_mean_is_the_best_answer(system: str) -> None:
    task = Forecast(system=system)
    targets = draw(task, 3000, 30, held_out=True).targets
    assert (np.abs(targets) <= 0.25).all(axis=-1).mean() == pytest.approx(task.chance(30), abs=0.004)
    assert (targets**2).mean() == pytest.approx(task.chance_loss(30), abs=0.03)
    assert np.abs(targets.mean((0, 1))).max() < 0.05, "the mean is 0"


def test_a_length_beyond_what_is_integrated_is_refused() -> None:
    assert Forecast().refuses(201) == Forecast().refuses(8) == "9 to 200"


def made(lorenz: tuple[float, ...], regular: tuple[float, ...], before: float = 0.1, loss: float = 0.1) -> pd.DataFrame:
    """Runs of two systems that end with these gradients at the cue, relative to that at the end."""
    rows = [
        {"experiment.system": system, "grad_ratio": ratio, "grad_ratio_init": before, "loss": loss, "seed": seed}
        for system, ratios in (("lorenz", lorenz), ("pendulum", regular))
        for seed, ratio in enumerate(ratios)
    ]
    common = {"cell": "gru", "seq_len": 30, "status": "ok", "accuracy": 0.6, "chance": 0.02, "solved": False}
    runs = pd.DataFrame(rows).assign(**common, variant="", weight_scale=1.0)
    return runs.assign(run_id=[*map(str, range(len(rows)))])


def test_the_claim_is_of_gradients_that_grow_where_chaos_was_learned_and_nowhere_else() -> None:
    assert borne_out(Forecast, made((4.0, 1.9), (0.6, 0.9))) is True
    assert borne_out(Forecast, made((4.0, 0.9), (0.4, 0.3))) is False
    assert borne_out(Forecast, made((4.0, 5.0), (0.6, 2.1))) is False
    assert borne_out(Forecast, made((4.0, 5.0), (0.6, 0.9), before=1.2)) is False
    assert borne_out(Forecast, made((4.0, 5.0), (0.6, 0.9), loss=0.8)) is None, "nobody has learned to go on"


@pytest.mark.slow
def test_the_gradient_grows_in_a_network_that_goes_on_with_chaos() -> None:
    runs = trained(
        Forecast, "gru", {"system": ["lorenz", "pendulum"]}, seq_len=40, hidden_size=48, train={"steps": 1000}
    )
    assert_borne_out(Forecast, runs)
