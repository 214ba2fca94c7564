"""Multi-query associative recall against a dictionary."""

from __future__ import annotations

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
    runs = trained(AssociativeRecall, "gru", {"pairs": [1, 4]}, seq_len=20, hidden_size=64, train={"steps": 1000})
    assert_borne_out(AssociativeRecall, runs)
