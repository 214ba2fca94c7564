"""Where there is nothing to be found, hardly anything is said: `null_simulations` in short."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from harness.measure.measurement import standard_error
from tests.analysis.null_simulations import claims, correlation, guessing


@pytest.mark.parametrize(
    "case",
    [
        {"chance": 1 / 8, "samples": 512},
        {"chance": 1 / 2, "samples": 512, "answers": 20, "alike": 0.5},
        {"chance": 0.53, "samples": 5, "answers": 1000, "alike": 0.2, "seeds": 1},
        {"chance": 1 / 8, "samples": 512, "copies": 3},
    ],
)
def test_runs_that_guess_are_told_from_guessing_in_less_than_one_of_a_hundred(case: dict[str, Any]) -> None:
    above, below = guessing(1000, **case)
    assert above <= 0.01
    assert below <= 0.01


def test_lengths_with_one_run_do_not_push_the_rank_correlation_up() -> None:
    rho, said = correlation(60, settings=6, lengths=2, single_lengths=6)
    assert abs(rho) < 3 * 0.5 / np.sqrt(60)
    assert said <= 0.05


def test_kinds_that_do_equally_well_hardly_ever_beat_each_other() -> None:
    """Of a few runs a side three standard errors are known badly: some 5 in 100; of ten a side it is less than one."""
    assert claims(40, (10, 10), lengths=2) <= 0.03
    assert claims(40, (4, 2), lengths=2) <= 0.12


def test_the_standard_error_is_that_of_the_samples() -> None:
    """Against the spread of the accuracy over many draws of samples that differ in their number of answers."""
    rng = np.random.default_rng(0)
    judged = rng.integers(1, 9, size=(4000, 64))
    hard = rng.choice([0.2, 0.9], size=judged.shape)
    right, judged = (torch.from_numpy(each).double() for each in (rng.binomial(judged, hard), judged))
    accuracy = right.sum(1) / judged.sum(1)
    assert standard_error(right, judged, accuracy).mean() == pytest.approx(float(accuracy.std()), rel=0.04)
    assert standard_error(right[:, :1], judged[:, :1], accuracy).isnan().all()
