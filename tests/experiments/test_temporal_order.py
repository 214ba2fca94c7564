"""Temporal order against a reading of its rows letter by letter."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest

from harness.experiments.temporal_order import TemporalOrder
from tests.helpers.claims import assert_borne_out, trained
from tests.helpers.tasks import draw, lookup


@pytest.mark.parametrize(("symbols", "seq_len"), [(2, 20), (3, 20), (2, 57), (3, 100)])
def test_the_answer_is_the_order_in_which_x_and_y_are_met(symbols: int, seq_len: int) -> None:
    task = TemporalOrder(symbols=symbols)
    orders = ["".join(order) for order in product("XY", repeat=symbols)]
    batch = draw(task, 300, seq_len)
    for index, (row, target, cue) in enumerate(zip(batch.inputs, batch.targets, batch.cue, strict=True)):
        letters = ["abcdXYEB"[token] for token in row]
        met = [(step, letter) for step, letter in enumerate(letters, start=1) if letter in "XY"]
        assert (letters[0], letters[-1]) == ("E", "B")
        assert not set("EB") & set(letters[1:-1])
        assert [step for step, _ in met] == cue.tolist()
        assert "".join(letter for _, letter in met) == orders[target.item()]
        right = np.eye(2**symbols)[target]
        shown = task.show(batch, index, right)
        assert shown.expected == shown.answered == orders[target.item()]


def test_at_100_steps_the_places_are_those_of_the_paper() -> None:
    for symbols, published in [(2, [(10, 20), (50, 60)]), (3, [(10, 20), (33, 43), (66, 76)])]:
        cue = draw(TemporalOrder(symbols=symbols), 2000, 100).cue
        assert [*zip(cue.min(axis=0).tolist(), cue.max(axis=0).tolist(), strict=True)] == published


@pytest.mark.parametrize("symbols", [2, 3])
def test_every_order_is_equally_frequent_and_the_last_step_tells_nothing(symbols: int) -> None:
    task = TemporalOrder(symbols=symbols)
    batch = draw(task, 40_000, 30)
    found = lookup(batch.inputs[:, -1], batch.targets[:, 0])
    assert found.shares == pytest.approx(np.full((1, 2**symbols), task.chance(30)), rel=0.05)
    assert found.loss == pytest.approx(task.chance_loss(30), abs=0.01)


def test_places_need_twenty_steps_and_an_order_of_four_symbols_is_refused() -> None:
    assert TemporalOrder().refuses(19) == "20 or more"
    with pytest.raises(ValueError, match="less than or equal to 3"):
        TemporalOrder(symbols=4)


@pytest.mark.slow
def test_an_lstm_tells_an_order_at_which_a_plain_rnn_guesses() -> None:
    runs = trained(TemporalOrder, ["rnn", "lstm"], seq_len=60, hidden_size=32, seed=[0, 1], train={"steps": 600})
    assert_borne_out(TemporalOrder, runs)
    assert (runs.accuracy < 0.35)[runs.cell == "rnn"].all()
