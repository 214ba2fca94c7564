"""How much a number has changed, and how sure that is: against scipy's tests, and against simulated truth."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from harness.analysis.differences import Difference, holm
from harness.analysis.differences import difference as by_seed

BEFORE = pd.Series([0.31, 0.42, 0.55, 0.40], index=[0, 1, 2, 3])
AFTER = pd.Series([0.50, 0.47, 0.71, 0.66], index=[0, 1, 2, 3])


def difference(before: pd.Series, after: pd.Series, resolution: float = 0.0) -> Difference:
    return by_seed(before.to_dict(), after.to_dict(), resolution)


def test_the_same_seeds_are_paired_whatever_their_order() -> None:
    found = difference(BEFORE, AFTER[[2, 0, 3, 1]])
    right = stats.ttest_rel(AFTER, BEFORE)
    assert found.paired
    assert found.n == (4, 4)
    assert (found.before, found.after) == (pytest.approx(0.42), pytest.approx(0.585))
    assert found.change == pytest.approx(0.165)
    assert found.p == pytest.approx(right.pvalue)
    assert (found.low, found.high) == pytest.approx(tuple(right.confidence_interval(0.95)))
    assert sorted(found.each) == pytest.approx([0.05, 0.16, 0.19, 0.26])


def test_other_seeds_are_two_samples_with_spreads_of_their_own() -> None:
    after = pd.Series([0.50, 0.47, 0.71, 0.66, 0.90], index=[10, 11, 12, 13, 14])
    found = difference(BEFORE, after)
    right = stats.ttest_ind(after, BEFORE, equal_var=False)
    assert not found.paired
    assert found.n == (4, 5)
    assert found.p == pytest.approx(right.pvalue)
    assert (found.low, found.high) == pytest.approx(tuple(right.confidence_interval(0.95)))
    assert found.each == pytest.approx(after - 0.42)


def test_three_common_seeds_are_paired_and_others_left_out() -> None:
    found = difference(BEFORE, AFTER.rename({0: 9}))
    assert (found.paired, found.n) == (True, (3, 3))
    assert found.before == pytest.approx(BEFORE[[1, 2, 3]].mean())


def test_two_common_seeds_among_others_are_two_samples() -> None:
    found = difference(BEFORE, AFTER.rename({0: 8, 1: 9}))
    assert (found.paired, found.n) == (False, (4, 4))


def test_pairing_sees_a_small_change_of_seeds_that_differ_widely() -> None:
    wide = pd.Series([0.1, 0.5, 0.9, 0.3])
    same_seeds = difference(wide, wide + pd.Series([0.020, 0.021, 0.019, 0.020]))
    other_seeds = difference(wide, (wide + 0.02).set_axis([4, 5, 6, 7]))
    assert same_seeds.low > 0.018
    assert other_seeds.low < 0 < other_seeds.high


@pytest.mark.parametrize("seeds", [1, 2])
def test_fewer_than_three_seeds_have_a_change_and_no_interval(seeds: int) -> None:
    found = difference(BEFORE[:seeds], AFTER[:seeds])
    assert np.isnan([found.low, found.high, found.p]).all()
    assert len(found.each) == seeds
    assert found.change == pytest.approx((AFTER - BEFORE)[:seeds].mean())


def test_values_that_are_not_finite_are_left_out_with_their_pair() -> None:
    found = difference(BEFORE.replace(0.31, np.inf), AFTER.replace(0.66, np.nan))
    assert not found.paired  # two seeds are left that both have
    assert found.n == (3, 3)
    assert difference(BEFORE * np.nan, AFTER).n == (0, 4)


def test_equal_changes_are_no_surer_than_the_values_are_known() -> None:
    before = pd.Series([0.5, 0.5, 0.5])
    exact = difference(before, before + 0.002)
    known = difference(before, before + 0.002, resolution=1 / 512)
    assert exact.p == pytest.approx(0, abs=1e-12)
    assert known.low < 0 < known.high
    assert known.p == pytest.approx(2 * stats.t.sf(0.002 / (1 / 512 / 3**0.5), 2))


@pytest.mark.parametrize("paired", [True, False])
@pytest.mark.parametrize("seeds", [3, 5])
def test_intervals_hold_the_true_change_in_95_of_100_cases(seeds: int, paired: bool) -> None:
    rng = np.random.default_rng(seeds)
    index = range(seeds) if paired else range(seeds, 2 * seeds)
    held = []
    for _ in range(500):
        own = rng.normal(size=seeds)
        after = (own if paired else rng.normal(size=seeds)) + 0.7 + 0.3 * rng.normal(size=seeds)
        found = difference(pd.Series(own), pd.Series(after, index=index))
        held.append(found.low <= 0.7 <= found.high)
    assert np.mean(held) == pytest.approx(0.95, abs=3.5 * (0.95 * 0.05 / 500) ** 0.5)


def test_holm_multiplies_the_smallest_by_all_and_each_next_by_one_less() -> None:
    p = [0.04, 0.001, float("nan"), 0.03, 0.011, 0.9]
    np.testing.assert_allclose(holm(p), [0.09, 0.005, np.nan, 0.09, 0.044, 0.9])
    assert holm([]).tolist() == []
