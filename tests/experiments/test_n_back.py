"""n-back against a reading of the row."""

from __future__ import annotations

import numpy as np
import pytest

from harness.experiments.n_back import NBack
from tests.helpers.claims import assert_borne_out, trained
from tests.helpers.tasks import draw, lookup


@pytest.mark.parametrize(("back", "symbols", "seq_len"), [(1, 4, 2), (2, 2, 9), (4, 6, 20)])
def test_the_answer_says_whether_the_symbol_was_there_n_steps_before(back: int, symbols: int, seq_len: int) -> None:
    batch = draw(NBack(back=back, symbols=symbols), 200, seq_len)
    assert batch.scored.tolist() == [*range(back + 1, seq_len + 1)]
    for row, answers in zip(batch.inputs.tolist(), batch.targets.tolist(), strict=True):
        assert answers == [int(one == before) for before, one in zip(row[:-back], row[back:], strict=True)]
    assert (batch.cue == seq_len - back).all()


def test_a_symbol_tells_nothing_by_itself_and_is_as_frequent_as_another() -> None:
    task = NBack(back=3, symbols=5)
    batch = draw(task, 10_000, 12)
    found = lookup(batch.inputs[:, batch.scored - 1], batch.targets)
    assert found.shares == pytest.approx(np.full((5, 2), task.chance(12)), abs=0.015)
    assert found.loss == pytest.approx(task.chance_loss(12), abs=0.001)
    earlier = lookup(batch.inputs[:, batch.scored - 4], batch.targets)
    assert earlier.shares == pytest.approx(np.full((5, 2), task.chance(12)), abs=0.015)
    assert np.bincount(batch.inputs[:, -1]) / 10_000 == pytest.approx(np.full(5, 0.2), abs=0.02)


@pytest.mark.slow
def test_a_gru_compares_and_a_linear_network_cannot() -> None:
    runs = trained(NBack, ["gru", "linear"], {"back": [1]}, seq_len=20, hidden_size=32, train={"steps": 350})
    assert_borne_out(NBack, runs)
    assert (runs.accuracy[runs.cell == "linear"] < 0.7).all()
