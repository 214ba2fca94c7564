"""Embedded Reber strings against the grammar's automaton, drawn independently as a table of arrows."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pandas as pd
import pytest

from harness.experiments.embedded_reber import EmbeddedReber
from tests.helpers.claims import assert_borne_out, borne_out, trained
from tests.helpers.tasks import draw

ARROWS = {
    ("start", "B"): "a", ("a", "T"): "b", ("a", "P"): "c", ("b", "S"): "b", ("b", "X"): "d", ("c", "T"): "c",
    ("c", "V"): "e", ("d", "X"): "c", ("d", "S"): "f", ("e", "P"): "d", ("e", "V"): "f", ("f", "E"): "end",
}  # fmt: skip
OUTER = {("0", "B"): "1"} | {
    arrow: to
    for symbol in "TP"
    for arrow, to in {
        ("1", symbol): f"{symbol} start", (f"{symbol} end", symbol): "last",
        **{(f"{symbol} {state}", read): f"{symbol} {then}" for (state, read), then in ARROWS.items()},
    }.items()
} | {("last", "E"): "done"}  # fmt: skip


def words(seq_len: int, count: int) -> list[str]:
    inputs = draw(EmbeddedReber(), count, seq_len).inputs
    return ["".join("BTPSXVE"[symbol] for symbol in row) for row in inputs]


@pytest.mark.parametrize("seq_len", [9, 10, 17, 60])
def test_the_automaton_accepts_every_string_and_allows_just_the_symbols_of_the_targets(seq_len: int) -> None:
    batch = draw(EmbeddedReber(), 200, seq_len)
    for row, targets, word in zip(batch.inputs, batch.targets, words(seq_len, 200), strict=True):
        state = "0"
        for step, symbol in enumerate(word):
            state = OUTER[state, symbol]
            if step < seq_len - 1:
                said = {symbol for symbol, present in zip("BTPSXVE", targets[step], strict=True) if present}
                assert said == {symbol for source, symbol in OUTER if source == state}
        assert state == "done"
        assert row[1] == row[-2]
    assert batch.scored[np.flatnonzero(batch.judged[0])].tolist() == [seq_len - 2]
    assert (batch.cue == 2).all()


def test_strings_of_a_length_come_as_often_as_coins_at_the_forks_make_them() -> None:
    rng = np.random.default_rng(0)
    thrown: Counter[str] = Counter()
    while thrown.total() < 1500:
        state, word = "0", ""
        while state != "done" and len(word) < 12:
            ways = [(symbol, to) for (source, symbol), to in OUTER.items() if source == state]
            symbol, state = ways[rng.integers(len(ways))]
            word += symbol
        if state == "done" and len(word) == 11:
            thrown[word] += 1
    drawn = Counter(words(11, 20_000))
    assert set(drawn) == set(thrown)
    for word, count in drawn.items():
        share = count / 20_000
        assert thrown[word] / thrown.total() == pytest.approx(share, abs=5 * np.sqrt(share / 1500))


def test_the_second_symbol_is_a_fair_coin_and_nothing_inside_tells_it() -> None:
    made = words(12, 8000)
    assert np.mean([word[1] == "T" for word in made]) == pytest.approx(EmbeddedReber().chance(12), abs=0.02)
    for place in range(2, 10):
        share = {
            symbol: np.mean([word[1] == "T" for word in made if word[place] == symbol])
            for symbol, count in Counter(word[place] for word in made).items()
            if count > 1500
        }
        assert all(value == pytest.approx(0.5, abs=0.06) for value in share.values())


def test_a_string_is_shown_with_what_was_expected_at_its_end() -> None:
    task = EmbeddedReber()
    batch = draw(task, 1, 12)
    shown = task.show(batch, 0, batch.targets[0] - 0.5)
    assert shown.answered == shown.expected == shown.text[1]
    assert task.show(batch, 0, np.full((11, 7), np.nan)).answered == "?"


def test_the_claim_is_about_most_gated_runs_and_all_plain_ones() -> None:
    runs = pd.DataFrame({"cell": ["rnn", "gru", "gru", "lstm"]}).assign(
        seq_len=20, status="ok", accuracy=0.5, chance=0.5, weight_scale=1.0
    )
    for solved, holds in (([0, 1, 1, 1], True), ([0, 1, 0, 0], False), ([1, 1, 1, 1], False)):
        assert (
            borne_out(EmbeddedReber, runs.assign(solved=np.array(solved) > 0, accuracy=np.where(solved, 1.0, 0.1)))
            is holds
        )
    assert borne_out(EmbeddedReber, runs[1:].assign(solved=True)) is None


@pytest.mark.slow
def test_gated_cells_remember_the_second_symbol_where_a_plain_network_forgets_it() -> None:
    runs = trained(
        EmbeddedReber, ["rnn", "gru"], seq_len=20, hidden_size=32, seed=[0, 1, 2], probe={"every": 100},
        train={"steps": 1500},
    )  # fmt: skip
    assert_borne_out(EmbeddedReber, runs)
