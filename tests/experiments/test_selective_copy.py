"""Selective copying against a reading that throws the blanks away."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from harness.experiments.selective_copy import SelectiveCopy
from tests.helpers.claims import assert_borne_out, borne_out, trained
from tests.helpers.tasks import draw


@pytest.mark.parametrize("scattered", [True, False])
@pytest.mark.parametrize(("length", "seq_len"), [(4, 8), (3, 11), (1, 2), (4, 40)])
def test_what_is_left_without_blanks_is_asked_for(length: int, seq_len: int, scattered: bool) -> None:
    batch = draw(SelectiveCopy(symbols=5, length=length, scattered=scattered), 100, seq_len)
    for tokens, answers, cue in zip(batch.inputs.tolist(), batch.targets.tolist(), batch.cue.tolist(), strict=True):
        read, asked = tokens[:-length], tokens[-length:]
        assert [token for token in read if token != 5] == answers
        assert [step for step, token in enumerate(read, start=1) if token != 5] == cue
        assert asked == [6] * length
        if not scattered:
            assert cue == list(range(1, length + 1))
    assert batch.scored.tolist() == list(range(seq_len - length + 1, seq_len + 1))


def mad(rng: np.random.Generator, seq_len: int) -> list[int]:
    """A row as MAD's code draws it, with 3 out of 5 symbols, blank 5 and marker 6."""
    blanks = seq_len - 2 * 3 - 1
    laid = np.insert(rng.integers(5, size=3), rng.integers(0, 3, blanks), [5] * blanks)
    return [*laid.tolist(), 6, 5, 5, 5]


def test_rows_of_mad_have_one_marker_and_blanks_before_any_symbol_as_likely() -> None:
    batch = draw(SelectiveCopy(symbols=5, length=3, protocol="mad"), 4000, 16)
    for tokens, answers, cue in zip(batch.inputs.tolist(), batch.targets.tolist(), batch.cue.tolist(), strict=True):
        assert [token for token in tokens if token < 5] == answers
        assert [step for step, token in enumerate(tokens, start=1) if token < 5] == cue
        assert tokens[-5] == answers[-1]  # nothing between the last symbol and the marker
        assert tokens[-4:] == [6, 5, 5, 5]
    assert batch.scored.tolist() == [14, 15, 16]
    rng = np.random.default_rng(0)
    published = np.array([np.flatnonzero(np.array(mad(rng, 16)) < 5) + 1 for _ in range(4000)])
    np.testing.assert_allclose(batch.cue.mean(axis=0), published.mean(axis=0), atol=0.15)
    np.testing.assert_allclose(batch.cue.std(axis=0), published.std(axis=0), atol=0.1)


def test_fixed_places_come_first_in_mad_too() -> None:
    batch = draw(SelectiveCopy(symbols=5, length=2, protocol="mad", scattered=False), 50, 6)
    assert (batch.cue == [1, 2]).all()
    assert (batch.inputs[:, 2:] == [5, 6, 5, 5]).all()


def test_symbols_and_their_places_are_uniform() -> None:
    task = SelectiveCopy(symbols=4, length=3)
    batch = draw(task, 20_000, 11)
    shares = np.bincount(batch.targets.ravel(), minlength=4) / batch.targets.size
    np.testing.assert_allclose(shares, task.chance(11), atol=0.01)
    assert -np.log(shares).mean() == pytest.approx(task.chance_loss(11), abs=0.001)
    np.testing.assert_allclose(np.bincount(batch.cue.ravel())[1:] / 20_000, 3 / 8, atol=0.02)


def test_the_claim_needs_the_linear_recurrence_to_fail_where_it_has_to_select_and_there_alone() -> None:
    runs = pd.DataFrame(
        {"cell": ["linear", "linear", "gru", "lstm"], "experiment.scattered": [False, True, False, True]}
    ).assign(status="ok", accuracy=1.0, chance=0.25)  # fmt: skip
    for solved, holds in (([1, 0, 1, 1], True), ([1, 1, 1, 1], False), ([0, 0, 1, 1], False), ([1, 0, 1, 0], False)):
        assert (
            borne_out(SelectiveCopy, runs.assign(solved=np.array(solved) > 0, accuracy=np.where(solved, 1.0, 0.1)))
            is holds
        )
    assert borne_out(SelectiveCopy, runs[:3].assign(solved=True)) is None


@pytest.mark.slow
def test_a_linear_recurrence_repeats_from_fixed_places_alone_a_gated_one_from_any() -> None:
    runs = trained(
        SelectiveCopy, ["linear", "gru"], {"symbols": 4, "length": 2, "scattered": [True, False]}, seq_len=12,
        hidden_size=64, train={"steps": 600},
    )  # fmt: skip
    assert_borne_out(SelectiveCopy, runs)
