"""Rank correlations against those of scipy, and against permutations written out."""

from __future__ import annotations

import itertools

import numpy as np
import pandas as pd
import pytest
from scipy.stats import rankdata, spearmanr

from harness.analysis.ranks import rank_correlation


def made(one: np.ndarray, other: np.ndarray, lengths: tuple[int, ...] = (8,), seeds: int = 1) -> pd.DataFrame:
    """Runs of so many settings, (settings, lengths) numbers each; the seeds lie around them."""
    return pd.DataFrame(
        [
            {
                "cell": f"c{setting // 2}", "weight_scale": 1.0 + setting % 2, "seq_len": length, "seed": seed,
                "one": one[setting, place] + seed - (seeds - 1) / 2, "other": other[setting, place],
            }
            for setting in range(len(one)) for place, length in enumerate(lengths) for seed in range(seeds)
        ]
    )  # fmt: skip


def drawn(settings: int, lengths: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    one = rng.normal(size=(settings, lengths))
    return one, one + 0.7 * rng.normal(size=one.shape)


def test_of_one_length_it_is_spearmans_and_its_p_value_that_of_all_orders() -> None:
    one, other = drawn(7, 1)
    found = rank_correlation(made(one, other, seeds=3), "one", "other")
    assert found is not None
    truth = spearmanr(one[:, 0], other[:, 0]).statistic
    assert found.rho == pytest.approx(truth)
    every = np.array([*itertools.permutations(rankdata(other[:, 0]) - 4)]) @ (rankdata(one[:, 0]) - 4) / 28
    assert found.p == pytest.approx(np.mean(np.abs(every) >= abs(truth) - 1e-9), abs=0.015)


def test_of_six_settings_all_orders_are_counted() -> None:
    one, other = drawn(6, 1, seed=1)
    found = rank_correlation(made(one, other), "one", "other")
    assert found is not None
    every = np.array([*itertools.permutations(rankdata(other[:, 0]) - 3.5)]) @ (rankdata(one[:, 0]) - 3.5) / 17.5
    assert found.p == np.mean(np.abs(every) >= abs(found.rho) - 1e-9)


def test_of_several_lengths_ranks_are_taken_within_each_and_correlated_together() -> None:
    one, other = drawn(5, 3, seed=2)
    other += 100 * np.arange(3)  # a length is harder: that is no relation
    found = rank_correlation(made(one, other, (4, 8, 16)), "one", "other")
    assert found is not None
    x, y = (np.apply_along_axis(rankdata, 0, each) - 3 for each in (one, other))
    truth = (x * y).sum() / np.sqrt((x**2).sum() * (y**2).sum())
    assert found.rho == pytest.approx(truth)
    orders = np.array([*itertools.permutations(range(5))])
    every = np.array([(x * y[order]).sum() for order in orders]) / np.sqrt((x**2).sum() * (y**2).sum())
    assert found.p == np.mean(np.abs(every) >= abs(truth) - 1e-9)


def test_settings_change_places_with_those_alone_that_ran_at_the_same_lengths() -> None:
    one, other = drawn(6, 2, seed=3)
    runs = made(one, other, (4, 8))
    runs = runs[(runs.seq_len == 4) | ~runs.cell.isin(["c0"])]  # of two settings the longer length is missing
    found = rank_correlation(runs, "one", "other")
    assert found is not None
    tables = [runs.pivot(index=["cell", "weight_scale"], columns="seq_len", values=name) for name in ("one", "other")]
    x, y = ((each.rank() - each.rank().mean()).fillna(0).to_numpy() for each in tables)
    truth = (x * y).sum() / np.sqrt((x**2).sum() * (y**2).sum())
    assert found.rho == pytest.approx(truth)
    orders = [
        [*first, *rest] for first in itertools.permutations([0, 1]) for rest in itertools.permutations([2, 3, 4, 5])
    ]
    every = [(x * y[order]).sum() / np.sqrt((x**2).sum() * (y**2).sum()) for order in orders]
    assert found.p == np.mean(np.abs(every) >= abs(truth) - 1e-9)


def test_the_interval_is_that_of_settings_drawn_again_with_all_their_lengths() -> None:
    one, other = drawn(40, 2, seed=4)
    found = rank_correlation(made(one, other, (4, 8)), "one", "other")
    assert found is not None
    x, y = (np.apply_along_axis(rankdata, 0, each) - 20.5 for each in (one, other))
    rng, again = np.random.default_rng(9), []
    for _ in range(4000):
        rows = rng.integers(40, size=40)
        again.append((x[rows] * y[rows]).sum() / np.sqrt((x[rows] ** 2).sum() * (y[rows] ** 2).sum()))
    low, high = np.quantile(again, [0.005, 0.995])
    assert (found.low, found.high) == pytest.approx((low, high), abs=0.04)
    assert found.p < 0.01


@pytest.mark.parametrize("settings", [4, 5])
def test_fewer_than_five_settings_say_nothing(settings: int) -> None:
    found = rank_correlation(made(*drawn(settings, 1)), "one", "other")
    assert (found is None) == (settings < 5)


@pytest.mark.parametrize("which", [0, 1])
def test_a_column_that_is_the_same_everywhere_goes_with_nothing(which: int) -> None:
    columns = list(drawn(6, 1))
    columns[which] = np.ones((6, 1))
    assert rank_correlation(made(*columns), "one", "other") is None
