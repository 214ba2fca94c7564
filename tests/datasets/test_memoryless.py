"""What is known without memory: against closed forms and simulations whose best predictor is known."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.stats import norm

from harness.datasets.memoryless import Pairs, level

RNG = np.random.default_rng(0)


def test_of_tokens_it_is_what_each_tells_of_the_answer() -> None:
    shares = np.array([[0.7, 0.2, 0.1], [0.1, 0.1, 0.8], [0.4, 0.4, 0.2]])

    def drawn(count: int) -> Pairs:
        tokens = RNG.integers(3, size=count)
        return Pairs(tokens, (RNG.random((count, 1)) > shares[tokens].cumsum(axis=1)).sum(axis=1))

    found = level(drawn(50_000), drawn(50_000), None)
    assert found.accuracy == pytest.approx((0.7 + 0.8 + 0.4) / 3, abs=0.01)
    assert found.loss == pytest.approx(-(shares * np.log(shares)).sum() / 3, rel=0.01)


def test_answers_that_a_token_does_not_tell_are_not_learned_by_heart() -> None:
    def drawn(count: int) -> Pairs:  # ten answers to each of 100 tokens, all by luck
        return Pairs(RNG.integers(100, size=count), RNG.integers(10, size=count))

    found = level(drawn(1000), drawn(10_000), None)
    assert found.accuracy == pytest.approx(0.1, abs=0.01)
    assert found.loss is not None
    assert math.log(10) < found.loss < 1.3 * math.log(10)


def test_a_token_or_a_class_that_training_has_not_seen_is_answered_as_most_are() -> None:
    seen = Pairs(np.array([0, 0, 1]), np.array([1, 1, 1]))
    found = level(seen, Pairs(np.array([5, 5]), np.array([1, 2])), None)
    assert found.accuracy == 0.5
    assert found.loss is not None
    assert found.loss < math.inf


def test_of_tokens_and_values_it_is_the_mean_for_each() -> None:
    tokens = RNG.integers(2, size=20_000)
    values = np.stack([3.0 * tokens, RNG.normal(size=20_000)], axis=1)
    found = level(Pairs(tokens[:10_000], values[:10_000]), Pairs(tokens[10_000:], values[10_000:]), tolerance=1.0)
    assert found.accuracy == pytest.approx(2 * norm.cdf(1) - 1, abs=0.02)
    assert found.loss == pytest.approx(0.5, rel=0.05)


def test_a_blank_says_nothing_so_that_the_commonest_class_is_left_or_the_mean() -> None:
    classes = np.repeat([0, 1, 2], [50, 30, 20])
    pairs = Pairs(np.ones((100, 3)), classes)
    assert level(pairs, pairs, None).accuracy == pytest.approx(0.5)
    values = np.array([[0.0], [1.0], [2.0], [3.0]] * 10)
    found = level(Pairs(np.zeros((40, 1)), values), Pairs(np.zeros((40, 1)), values), tolerance=0.6)
    assert found.accuracy == pytest.approx(0.5)  # 1 and 2 are within 0.6 of 1.5
    assert found.loss == pytest.approx(1.25)


def test_it_is_the_same_each_time_it_is_asked_for() -> None:
    """A forest that is drawn anew each time would make another chance level of every run."""
    inputs = RNG.normal(size=(80, 3))
    pairs = Pairs(inputs, (inputs[:, 0] * inputs[:, 1] > 0).astype(int))
    others = Pairs(RNG.normal(size=(2000, 3)), RNG.integers(2, size=2000))
    assert len({level(pairs, others, None).accuracy for _ in range(2)}) == 1


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
