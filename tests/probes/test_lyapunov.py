"""Lyapunov exponents against closed forms, a simulation in plain NumPy, and theory."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch

from harness.base.errors import UserError
from harness.experiment import Batch, Values
from harness.measure.lyapunov import kaplan_yorke, spectrum
from harness.probes import Moment
from harness.probes.lyapunov import Lyapunov
from tests.helpers.moments import moment, state_at


def measured(given: Moment, **options: Any) -> pd.DataFrame:
    with torch.no_grad():
        return Lyapunov(**options).measure(given)


@pytest.mark.parametrize("drive", ["task", "noise", "free"])
def test_of_a_linear_network_they_are_the_log_moduli_of_the_eigenvalues(drive: str) -> None:
    given = moment("linear", num_layers=2)
    skewed = np.random.default_rng(1).normal(size=(2, 4, 4))
    moduli = np.array([1.7, 1.0, 0.6, 0.1])
    for layer, basis in enumerate(skewed, start=1):
        matrix = basis @ np.diag(moduli / layer) @ np.linalg.inv(basis)
        given.network.weights[f"layer{layer}.recurrent"].copy_(torch.from_numpy(matrix))
    found = measured(given, drive=drive, steps=50, warm_up=150, samples=2)
    for layer, rows in found.groupby("layer"):
        np.testing.assert_allclose(rows.exponent, np.log(moduli / layer), atol=1e-9)
        assert (rows.se < 1e-9).all()
    assert found.groupby("layer").dimension.first().tolist() == pytest.approx([3.0087, 0.0], abs=1e-4)


def test_of_an_orthogonal_network_all_are_zero_and_every_direction_stays() -> None:
    found = measured(moment("linear", weight_scale=1.0, seed=[0, 1]), steps=30, warm_up=0)
    np.testing.assert_allclose(found.exponent, 0, atol=1e-12)


def test_of_one_tanh_unit_it_is_the_mean_log_slope_along_its_orbit() -> None:
    given = moment("rnn", hidden_size=1, init="identity", weight_scale=-3.0)
    given.network.weights["layer1.bias"].fill_(0.4)
    h, slopes = state_at(given, 1, 0, 0, 8).item(), []
    for _ in range(170):
        h = np.tanh(-3.0 * h + 0.4)
        slopes.append(np.log(3.0 * (1 - h**2)))
    found = measured(given, drive="free", steps=140, warm_up=30)
    assert found.exponent.item() == pytest.approx(np.mean(slopes[30:]), rel=1e-12)
    blocks = [np.mean(each) for each in np.array_split(slopes[30:], 10)]
    assert found.se.item() == pytest.approx(np.std(blocks, ddof=1) / np.sqrt(10), rel=1e-9, abs=1e-15)


@pytest.mark.parametrize("drive", ["free", "noise", "task"])
def test_no_more_steps_are_counted_than_asked_for_were_the_sequences_longer(drive: str) -> None:
    given = moment("rnn", hidden_size=1, init="identity", weight_scale=-3.0)
    given.network.weights["layer1.input"].fill_(0)  # whatever enters
    h, slopes = state_at(given, 1, 0, 0, 8).item(), []
    for _ in range(5):
        h = np.tanh(-3.0 * h)
        slopes.append(np.log(3.0 * (1 - h**2)))
    found = measured(given, drive=drive, steps=3, warm_up=2, blocks=3)
    assert found.exponent.item() == pytest.approx(np.mean(slopes[2:]), rel=1e-12)
    assert found.se.item() == pytest.approx(np.std(slopes[2:], ddof=1) / np.sqrt(3), rel=1e-9)


def test_of_a_chaotic_network_the_first_is_that_of_mean_field_theory_and_the_sum_the_log_of_volumes() -> None:
    """x' = W tanh(x): λ₁ = ½ ln(g² ⟨sech⁴⟩) (Molgedey, Schuchhardt, Schuster 1992); Σλ = ln |det W| + Σ ⟨ln sech²⟩."""
    g, size = 2.0, 100
    points, weights = np.polynomial.hermite_e.hermegauss(80)
    weights = weights / weights.sum()
    variance = 1.0
    for _ in range(200):
        variance = g**2 * weights @ np.tanh(np.sqrt(variance) * points) ** 2
    first = 0.5 * np.log(g**2 * weights @ (1 - np.tanh(np.sqrt(variance) * points) ** 2) ** 2)
    assert np.exp(first) == pytest.approx(1.1672, abs=2e-4)  # as measured with 512 units
    given = moment("rnn", hidden_size=size, init="gaussian", weight_scale=g, samples=1)
    found = measured(given, drive="free", steps=100, warm_up=40)
    assert found.exponent.iloc[0] == pytest.approx(first, abs=0.03)
    weight, h = given.network.weights["layer1.recurrent"][0].numpy(), state_at(given, 1, 0, 0, 8).numpy()
    slopes = []
    for _ in range(140):
        h = np.tanh(h @ weight)
        slopes.append(np.log(1 - h**2).sum())
    volume = np.linalg.slogdet(weight).logabsdet + np.mean(slopes[40:])
    assert found.exponent.sum() == pytest.approx(volume, rel=1e-6)


def test_of_rate_units_in_small_steps_the_spectrum_mirrors_itself_about_its_mean() -> None:
    """x' = -x + J tanh(x) in steps of 0.1, the network of Engelken, Wolf, Abbott: λ_i + λ_(N+1-i) is about 2 λ̄, and
    λ̄ is -1 per unit of time where J has no diagonal. It is that of units with τ = 10 and a state h, as x = J h."""
    size = 16
    given = moment("leaky", hidden_size=size, init="gaussian", weight_scale=4.0, samples=1)
    weight = given.network.weights["layer1.recurrent"]
    weight[0].fill_diagonal_(0)
    found = measured(given, drive="free", steps=600, warm_up=300)
    assert given.network.shape.cell.time_constant == 10
    per_time = found.exponent.to_numpy() * 10
    assert per_time.mean() == pytest.approx(-1, abs=0.08)
    off = per_time + per_time[::-1] - 2 * per_time.mean()
    assert np.sqrt(np.mean(off**2)) < 0.3 < 0.2 * np.ptp(per_time)


def test_with_noise_that_drowns_them_the_units_forget() -> None:
    given = moment("rnn", hidden_size=6, init="gaussian", weight_scale=2.0)
    loud = measured(given, drive="noise", noise=50.0, samples=2)
    assert loud.exponent.max() < measured(given, drive="free", samples=2).exponent.max() - 0.5


def test_without_recurrence_every_direction_is_lost_at_once() -> None:
    found = measured(moment("feedforward", num_layers=2), steps=5, warm_up=0)
    assert (found.exponent == -np.inf).all()
    assert (found.dimension == 0).all()


@pytest.mark.parametrize(
    ("exponents", "dimension"),
    [
        ([0.906, 0.0, -14.572], 2.062),  # Lorenz, as in Wolf et al. 1985, in another base
        ([-0.1, -0.2], 0.0),
        ([0.0, 0.0], 2.0),
        ([1.0, -np.inf], 1.0),
        ([np.nan, np.nan], np.nan),
    ],
)
def test_the_dimension_is_that_of_kaplan_and_yorke(exponents: list[float], dimension: float) -> None:
    assert kaplan_yorke(np.array(exponents)) == pytest.approx(dimension, abs=1e-3, nan_ok=True)


def test_the_error_is_that_of_a_mean_over_stretches_and_samples() -> None:
    grown = torch.from_numpy(np.random.default_rng(0).normal(size=(40, 1, 3, 2)))
    exponent, error = spectrum(grown, 4)
    blocks = grown.numpy().reshape(4, 10, 3, 2).mean(axis=1).reshape(12, 2)
    order = np.argsort(-blocks.mean(axis=0))
    np.testing.assert_allclose(exponent[0], blocks.mean(axis=0)[order])
    np.testing.assert_allclose(error[0], blocks.std(axis=0, ddof=1)[order] / np.sqrt(12))


def test_a_batch_that_was_given_is_not_drawn_again() -> None:
    import harness

    network, readout = torch.nn.RNN(1, 3, batch_first=True), torch.nn.Linear(3, 1)
    batch = Batch(np.zeros((2, 5, 1)), targets=np.zeros((2, 1)))
    with pytest.raises(UserError, match=r"drive=task: a batch that was given cannot .* or drive=noise or free"):
        harness.probe(network, batch, readout=readout, outputs=Values(tolerance=0.1), probes=["lyapunov"])
    free = harness.probe(
        network, batch, readout=readout, outputs=Values(tolerance=0.1), probes=[Lyapunov(drive="free", steps=5)]
    )
    assert len(free["lyapunov"]) == 3
