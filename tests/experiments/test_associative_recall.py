"""Multi-query associative recall against a dictionary."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
import pandas as pd
import pytest

from harness.base.errors import UserError
from harness.base.options import build
from harness.experiments.associative_recall import AssociativeRecall
from tests.helpers.claims import assert_borne_out, borne_out, trained
from tests.helpers.tasks import draw, lookup


@pytest.mark.parametrize(("pairs", "seq_len"), [(1, 3), (3, 11), (3, 12), (8, 64)])
def test_each_key_is_asked_for_once_and_answered_as_in_a_dictionary(pairs: int, seq_len: int) -> None:
    batch = draw(AssociativeRecall(pairs=pairs), 200, seq_len)
    for row, answers, asked in zip(batch.inputs.tolist(), batch.targets.tolist(), batch.mask, strict=True):
        known = {row[step]: row[step + 1] - 8 for step in range(0, 2 * pairs, 2)}
        assert len(known) == len(set(known.values())) == pairs
        assert all(0 <= key < 8 and 0 <= value < 8 for key, value in known.items())
        queries = np.flatnonzero(asked)
        assert (queries >= 2 * pairs).all()
        assert (queries % 2 == 0).all()
        assert {row[step]: answers[step] for step in queries} == known
        assert len(queries) == pairs
    assert (batch.cue == np.arange(2, 2 * pairs + 1, 2)).all()


def zoology(rng: np.random.Generator, pairs: int, seq_len: int) -> tuple[list[int], dict[int, int]]:
    """One row as `multiquery_ar` of Zoology draws it (keys 1 to 7, values from 8): its tokens, answers by place."""
    keys = rng.choice(np.arange(1, 8), size=pairs, replace=False)
    values = rng.choice(np.arange(8, 16), size=pairs, replace=False)
    space = (seq_len - 2 * pairs) // 2
    p = 0.01 * np.arange(1, space + 1) ** (0.01 - 1)
    gaps = rng.choice(np.arange(space), size=pairs, replace=False, p=p / p.sum())
    row = [token for pair in zip(keys, values, strict=True) for token in pair] + [0] * (seq_len - 2 * pairs)
    for gap, key in zip(gaps, keys, strict=True):
        row[2 * pairs + 2 * gap] = key
    return row, dict(zip((2 * pairs + 2 * gaps).tolist(), values.tolist(), strict=True))


def lags(rows: Sequence[Sequence[int]], asked: Sequence[Iterable[int]], pairs: int) -> np.ndarray:
    """How many steps after its value each pair's query comes: (rows, pairs)."""
    found = [
        [next(step for step in steps if row[step] == row[2 * pair]) - (2 * pair + 1) for pair in range(pairs)]
        for row, steps in zip(rows, map(list, asked), strict=True)
    ]
    return np.array(found)


def test_queries_come_in_the_order_of_the_published_generator() -> None:
    rng = np.random.default_rng(0)
    published = [zoology(rng, 4, 32) for _ in range(6000)]
    wanted = lags([row for row, _ in published], [answers for _, answers in published], 4)
    batch = draw(AssociativeRecall(pairs=4), 6000, 32)
    found = lags(batch.inputs.tolist(), [np.flatnonzero(asked) for asked in batch.mask], 4)
    np.testing.assert_allclose(found.mean(axis=0), [12.8, 11.7, 10.6, 9.5], atol=0.3)
    np.testing.assert_allclose(found.mean(axis=0), wanted.mean(axis=0), atol=0.4)
    # Not the means alone: which of two pairs comes back first, too.
    ours, theirs = (np.mean(each[:, 0] < each[:, 3] + 6) for each in (found, wanted))
    assert ours == pytest.approx(theirs, abs=0.03)


def test_what_stands_between_is_a_blank_where_so_wished() -> None:
    batch = draw(AssociativeRecall(pairs=3, random_non_queries=False), 100, 20)
    blank = batch.inputs == 16
    assert (blank[:, 6:] == ~batch.mask[:, 6:]).all()
    assert not blank[:, :6].any()
    assert AssociativeRecall(random_non_queries=False).input_size == 17


def test_a_key_says_nothing_about_its_value() -> None:
    task = AssociativeRecall(pairs=4)
    batch = draw(task, 20_000, 24)
    found = lookup(batch.inputs[batch.mask], batch.targets[batch.mask])
    np.testing.assert_allclose(found.shares, np.full((8, 8), task.chance(24)), atol=0.02)
    assert found.loss == pytest.approx(task.chance_loss(24), abs=0.002)


def test_a_lone_query_comes_sooner_in_proportion_to_the_stated_weights() -> None:
    batch = draw(AssociativeRecall(pairs=1), 50_000, 10)
    weights = np.arange(1, 5) ** (0.01 - 1)
    np.testing.assert_allclose(batch.mask[:, 2::2].mean(axis=0), weights / weights.sum(), atol=0.01)


@pytest.mark.parametrize(("options", "message"), [
    ({"pairs": 9}, "experiment.pairs=9: more pairs than keys or values; valid: 1 to 8"),
    ({"values": 3}, "experiment.pairs=4: more pairs than keys or values; valid: 1 to 3"),
    ({"keys": 0}, "experiment.keys=0: "),
])  # fmt: skip
def test_more_pairs_than_keys_or_values_are_refused(options: dict[str, int], message: str) -> None:
    with pytest.raises(UserError, match=message):
        build(AssociativeRecall, options, "experiment.")


def test_the_claim_needs_accuracy_to_fall_with_pairs_and_by_more_than_noise() -> None:
    runs = pd.DataFrame({"cell": "gru", "experiment.pairs": [1, 1, 4], "status": "ok", "chance": 1 / 8})
    for accuracy, holds in (([1, 0.95, 0.5], True), ([0.5, 0.5, 0.9], False), ([0.2, 0.2, 0.15], False)):
        assert borne_out(AssociativeRecall, runs.assign(accuracy=accuracy)) is holds
    assert borne_out(AssociativeRecall, runs[:2].assign(accuracy=1.0)) is None


@pytest.mark.slow
def test_more_pairs_are_recalled_less() -> None:
    runs = trained(AssociativeRecall, "gru", {"pairs": [1, 4]}, seq_len=20, hidden_size=64, train={"steps": 600})
    assert_borne_out(AssociativeRecall, runs)
