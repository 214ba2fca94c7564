"""Mean against spread of gradients: of made vectors with a known ratio, and of networks by autograd's own numbers."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import torch

from harness.measure.signal import signal
from harness.probes import Moment
from harness.probes.signal import Signal
from tests.helpers.moments import moment


def measured(given: Moment) -> pd.DataFrame:
    with torch.no_grad():
        return Signal().measure(given)


def everyone(vectors: np.ndarray) -> np.ndarray:
    return np.ones(vectors.shape[:-1], dtype=bool)


@pytest.mark.parametrize("size", [1.0, 1e-250, 1e250])
def test_a_known_mean_and_a_known_spread_are_found_whatever_their_size(size: float) -> None:
    """Of ±d around m, n samples: the unbiased spread is |d| √(n / (n - 1))."""
    mean, off = np.array([3.0, 4.0, 0.0]), np.array([0.0, 1.0, 2.0])
    vectors = size * np.stack([mean + off, mean - off] * 5)
    found = signal(vectors, everyone(vectors))
    spread = np.sqrt(5 * 10 / 9)
    assert (found.mean / size, found.spread / size, found.ratio) == pytest.approx((5, spread, 5 / spread))
    assert found.by_unit[0] > 1e15  # all the same, but for rounding
    assert found.by_unit[1:] == pytest.approx([4 / np.sqrt(10 / 9), 0])


@pytest.mark.parametrize("ratio", [0.0, 0.5, 3.0])
def test_a_synthetic_gradient_has_the_ratio_that_it_was_made_with(ratio: float) -> None:
    rng = np.random.default_rng(0)
    noise = rng.normal(size=(4000, 50)) / np.sqrt(50)  # of squared length 1 on average
    direction = np.ones(50) / np.sqrt(50)
    vectors = ratio * direction + noise
    assert signal(vectors, everyone(vectors)).ratio == pytest.approx(max(ratio, 1 / np.sqrt(4000)), rel=0.02, abs=2e-3)


def test_samples_that_are_not_known_have_no_part() -> None:
    vectors = np.random.default_rng(1).normal(size=(3, 8, 4))
    known = np.arange(8) < np.array([[8], [5], [1]])
    found = signal(np.where(known[..., None], vectors, np.nan), known)
    for row, count in enumerate((8, 5)):
        alone = signal(vectors[row, :count], everyone(vectors[row, :count]))
        assert found.ratio[row] == pytest.approx(alone.ratio)
    assert np.isnan(found.ratio[2])
    assert found.samples.tolist() == [8, 5, 1]


@pytest.mark.parametrize(("cell", "layers"), [("lstm", 2), ("lru", 1)])
def test_of_a_network_it_is_that_of_its_gradients(cell: str, layers: int) -> None:
    given = moment(cell, num_layers=layers, samples=6, seed=[0, 1])
    found = measured(given)
    for (member, layer, part), rows in found.groupby(["member", "layer", "part"]):
        totals = given.gradients[layer].totals[part][member].numpy()
        for row in rows.itertuples():
            here = totals[7 - row.lag]
            mean = here.mean(axis=0)
            spread = np.sqrt(((here - mean) ** 2).sum() / 5)
            assert row.ratio == pytest.approx(np.linalg.norm(mean) / spread, rel=1e-9)
            assert row.noise == pytest.approx(1 / np.sqrt(6))


def test_samples_are_counted_back_from_their_own_answers() -> None:
    given = moment("gru", experiment="dyck", samples=5)
    found = measured(given)
    assert found.samples.tolist() == [int((given.answer > lag).sum()) for lag in found.lag]


def test_where_nothing_arrives_there_is_no_ratio() -> None:
    found = measured(moment("feedforward"))
    assert found.ratio.isna().tolist() == (found.lag > 0).tolist()
    assert (found["mean"][found.lag > 0] == 0).all()


@pytest.mark.parametrize("value", [torch.inf, torch.nan])
def test_of_weights_that_are_no_numbers_it_is_none(value: float) -> None:
    given = moment("lstm", num_layers=2)
    given.network.flat.fill_(value)
    assert measured(given)[["ratio", "unit_q50"]].isna().all(axis=None)
