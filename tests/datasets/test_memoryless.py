"""What is known without memory: against closed forms and simulations whose best predictor is known."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.stats import norm

from harness.datasets.memoryless import Pairs, level

RNG = np.random.default_rng(0)


def test_of_tokens_it_is_the_commonest_answer_to_each_and_the_entropy() -> None:
    held_out = Pairs(np.array([0, 0, 0, 2, 2, 2, 2]), np.array([1, 1, 0, 3, 3, 0, 1]))
    found = level(Pairs(np.array([0]), np.array([0])), held_out, None)
    assert found.accuracy == pytest.approx(4 / 7)
    log = math.log
    assert found.loss == pytest.approx((2 * log(3 / 2) + log(3) + 2 * log(2) + 2 * log(4)) / 7)


def test_a_blank_says_nothing_so_that_the_commonest_class_is_left() -> None:
    classes = np.repeat([0, 1, 2], [50, 30, 20])
    pairs = Pairs(np.ones((100, 3)), classes)
    assert level(pairs, pairs, None).accuracy == pytest.approx(0.5)


def test_of_a_blank_and_values_it_is_the_mean() -> None:
    values = np.array([[0.0], [1.0], [2.0], [3.0]] * 10)
    found = level(Pairs(np.zeros((40, 1)), values), Pairs(np.zeros((40, 1)), values), tolerance=0.6)
    assert found.accuracy == pytest.approx(0.5)  # 1 and 2 are within 0.6 of 1.5
    assert found.loss == pytest.approx(1.25)


def test_of_vectors_it_comes_near_the_best_possible_answer() -> None:
    def classes(count: int) -> Pairs:  # two normal clouds, whose centres are 2 apart: Φ(1) is the best possible
        kind = RNG.integers(2, size=count)
        return Pairs(RNG.normal(size=(count, 3)) + 2 * kind[:, None] * [1, 0, 0], kind)

    found = level(classes(2000), classes(4000), None)
    assert found.accuracy == pytest.approx(norm.cdf(1), abs=0.02)
    assert found.loss is None

    def values(count: int) -> Pairs:  # a line and noise of 0.1
        inputs = RNG.normal(size=(count, 2))
        return Pairs(inputs, inputs[:, :1] - 2 * inputs[:, 1:] + 0.1 * RNG.normal(size=(count, 1)))

    found = level(values(1000), values(1000), tolerance=0.1)
    assert found.accuracy == pytest.approx(2 * norm.cdf(1) - 1, abs=0.04)
    assert found.loss == pytest.approx(0.01, rel=0.1)
