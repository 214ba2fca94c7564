"""Induction against a search backwards through the row."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from harness.base.errors import UserError
from harness.base.options import build
from harness.experiments.induction import Induction
from tests.helpers.claims import assert_borne_out, borne_out, trained
from tests.helpers.tasks import draw, lookup


@pytest.mark.parametrize("any_token", [True, False])
@pytest.mark.parametrize(("tokens", "seq_len"), [(3, 3), (4, 12), (20, 30)])
def test_the_answer_is_what_followed_the_last_token_last_time(tokens: int, seq_len: int, any_token: bool) -> None:
    batch = draw(Induction(tokens=tokens, any_token=any_token), 300, seq_len)
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
    batch = draw(task, 40_000, 9)
    found = lookup(batch.inputs[:, -1], batch.targets[:, 0])
    assert len(found.shares) == (5 if any_token else 1)
    assert (np.diag(found.counts) == 0).all()
    np.testing.assert_allclose(found.shares[found.shares > 0], task.chance(9), atol=0.02)
    assert found.loss == pytest.approx(task.chance_loss(9), abs=0.01)


def test_safaris_rows_ask_for_every_next_token_and_judge_the_answer_alone() -> None:
    batch = draw(Induction(tokens=6, protocol="safari"), 20_000, 9)
    assert (batch.targets[:, :-1] == batch.inputs[:, 1:]).all()
    assert batch.scored.tolist() == [*range(1, 10)]
    assert batch.mask.all()
    assert (batch.judged == (np.arange(9) == 8)).all()
    assert set(np.unique(batch.inputs)) == {0, 1, 2, 3, 4}  # one of the six never occurs
    assert ((batch.inputs == 0).sum(axis=1) == 2).all()
    places = (batch.inputs[:, :-1] == 0).argmax(axis=1)
    np.testing.assert_allclose(np.bincount(places) / 20_000, 1 / 6, atol=0.01)  # of the 8 but the last two
    assert (batch.targets[:, -1] == batch.inputs[np.arange(20_000), places + 1]).all()
    assert (batch.cue == np.stack([places + 1, places + 2], axis=1)).all()


@pytest.mark.parametrize("seq_len", [4, 9, 31])
def test_the_best_table_of_next_tokens_has_the_stated_loss_in_safari(seq_len: int) -> None:
    task = Induction(tokens=6, protocol="safari")
    batch = draw(task, 60_000, seq_len)
    assert lookup(batch.inputs, batch.targets).loss == pytest.approx(task.chance_loss(seq_len), abs=0.002)
    answers = np.bincount(batch.targets[:, -1], minlength=6) / 60_000
    np.testing.assert_allclose(answers, [0, *[task.chance(seq_len)] * 4, 0], atol=0.01)


def test_any_token_is_none_of_safaris() -> None:
    with pytest.raises(UserError, match=r"experiment.any_token=true: there token 0 alone comes back; valid: false"):
        build(Induction, {"protocol": "safari", "any_token": True}, "experiment.")


def test_places_are_uniform_and_a_token_may_have_had_other_successors() -> None:
    batch = draw(Induction(tokens=5, any_token=True), 20_000, 9)
    np.testing.assert_allclose(np.bincount(batch.cue[:, 0])[1:] / 20_000, 1 / 7, atol=0.01)
    earlier = (batch.inputs == batch.inputs[:, -1:]).sum(axis=1) - 2
    assert earlier.mean() == pytest.approx(3 / 5, abs=0.05)  # three steps before the place on average


def test_the_claim_needs_both_forms_of_gated_cells() -> None:
    runs = pd.DataFrame(
        {"cell": ["gru", "gru", "rnn"], "experiment.any_token": [False, True, True], "weight_scale": 1.0}
    )
    runs = runs.assign(seq_len=30, status="ok", accuracy=0.5, chance=1 / 19)
    for solved, holds in (([1, 0, 1], True), ([1, 1, 0], False), ([0, 0, 0], False)):
        assert (
            borne_out(Induction, runs.assign(solved=np.array(solved) > 0, accuracy=np.where(solved, 1.0, 0.1))) is holds
        )
    assert borne_out(Induction, runs[[True, False, True]].assign(solved=True)) is None


@pytest.mark.slow
def test_one_known_token_is_learned_and_any_is_not() -> None:
    runs = trained(Induction, "gru", {"any_token": [False, True]}, seq_len=10, hidden_size=64, train={"steps": 600})
    assert_borne_out(Induction, runs)
