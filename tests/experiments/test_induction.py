"""Induction against a search backwards through the row."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from harness.base.seeds import stream
from harness.plugins.registry import registry
from harness.run.pack import run
from harness.settings.members import members
from harness.tables.tables import Tables
from tests.conftest import Config

Induction = registry().get("experiment", "induction")


@pytest.mark.parametrize("any_token", [True, False])
@pytest.mark.parametrize(("tokens", "seq_len"), [(3, 3), (4, 12), (20, 30)])
def test_the_answer_is_what_followed_the_last_token_last_time(tokens: int, seq_len: int, any_token: bool) -> None:
    batch = Induction(tokens=tokens, any_token=any_token).sample(stream(0, "test"), 300, seq_len)
    for row, answer, cue in zip(batch.inputs.tolist(), batch.targets[:, 0], batch.cue.tolist(), strict=True):
        *before, asked = row
        place = max(step for step, token in enumerate(before) if token == asked)
        assert row[place + 1] == answer
        assert cue == [place + 1, place + 2]
        if not any_token:
            assert asked == 0
            assert before.count(0) == 1


@pytest.mark.parametrize("any_token", [True, False])
def test_the_answer_is_any_other_token_with_the_same_probability(any_token: bool) -> None:
    task = Induction(tokens=5, any_token=any_token)
    batch = task.sample(stream(1, "test"), 40_000, 9)
    counts = np.zeros((5, 5))
    np.add.at(counts, (batch.inputs[:, -1], batch.targets[:, 0]), 1)
    seen = counts[counts.sum(axis=1) > 0]
    assert len(seen) == (5 if any_token else 1)
    assert (np.diag(counts) == 0).all()
    shares = (seen / seen.sum(axis=1, keepdims=True))[seen > 0]
    np.testing.assert_allclose(shares, task.chance(9), atol=0.02)
    assert -np.log(shares).mean() == pytest.approx(task.chance_loss(9), abs=0.01)


def test_places_are_uniform_and_a_token_may_have_had_other_successors() -> None:
    batch = Induction(tokens=5, any_token=True).sample(stream(2, "test"), 20_000, 9)
    np.testing.assert_allclose(np.bincount(batch.cue[:, 0])[1:] / 20_000, 1 / 7, atol=0.01)
    earlier = (batch.inputs == batch.inputs[:, -1:]).sum(axis=1) - 2
    assert earlier.mean() == pytest.approx(3 / 5, abs=0.05)  # three steps before the place on average


def test_the_claim_needs_both_forms_of_gated_cells() -> None:
    runs = pd.DataFrame(
        {"cell": ["gru", "gru", "rnn"], "experiment.any_token": [False, True, True], "weight_scale": 1.0}
    )
    runs = runs.assign(seq_len=30, status="ok", accuracy=0.5, chance=1 / 19)
    for solved, holds in (([1, 0, 1], True), ([1, 1, 0], False), ([0, 0, 0], False)):
        verdict = Induction.bears_out(Tables({"runs": runs.assign(solved=np.array(solved) > 0)}))
        assert verdict is not None
        assert verdict.holds == holds
    assert Induction.bears_out(Tables({"runs": runs[[True, False, True]].assign(solved=True)})) is None


@pytest.mark.slow
def test_one_known_token_is_learned_and_any_is_not(config: Config) -> None:
    made = {"cell": "gru", "seq_len": 10, "hidden_size": 64, "engine": {"compile": "auto"},
            "train": {"steps": 1000, "batch_size": 32, "lr": 0.01}, "probe": {"every": 200}}  # fmt: skip
    found = [
        run(members(config(experiment={"name": "induction", "any_token": any_token}, **made)))["runs"]
        for any_token in (False, True)
    ]
    verdict = Induction.bears_out(Tables({"runs": pd.concat(found)}))
    assert verdict is not None
    assert verdict.holds, verdict.numbers
