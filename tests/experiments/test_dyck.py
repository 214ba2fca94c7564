"""Nested brackets against a stack."""

from __future__ import annotations

import numpy as np
import pytest

from harness.experiments.dyck import Dyck
from tests.helpers.claims import assert_borne_out, trained
from tests.helpers.tasks import draw, lookup


@pytest.mark.parametrize(("kinds", "depth", "seq_len"), [(2, 2, 3), (2, 4, 50), (12, 3, 31), (3, 8, 200)])
def test_answers_are_the_top_of_a_stack(kinds: int, depth: int, seq_len: int) -> None:
    batch = draw(Dyck(kinds=kinds, depth=depth), 60, seq_len)
    deepest = 0
    for row, answers, mask, judged in zip(batch.inputs, batch.targets, batch.mask, batch.judged, strict=True):
        stack: list[int] = []
        for token, answer, learned, counts in zip(row, answers, mask, judged, strict=True):
            if token < kinds:
                stack.append(int(token))
            else:
                assert stack.pop() == token - kinds
            deepest = max(deepest, len(stack))
            assert learned == bool(stack)
            assert counts == (bool(stack) and token >= kinds)
            if stack:
                assert answer == stack[-1]
    assert deepest == min(depth, seq_len)


def test_without_memory_one_in_kinds_is_right() -> None:
    task = Dyck(kinds=3, depth=3)
    batch = draw(task, 4000, 30)
    shares = lookup(batch.inputs[batch.judged] - 3, batch.targets[batch.judged]).shares
    np.testing.assert_allclose(shares, np.full((3, 3), task.chance(30)), atol=0.02)


def test_brackets_open_and_close_with_the_stated_probabilities() -> None:
    # In rows this long one that asks nothing, and would be drawn again, is rarer than one in a million.
    rows = draw(Dyck(kinds=2, depth=3), 800, 60).inputs
    heights = np.where(rows < 2, 1, -1).cumsum(axis=1)
    for height, share in ((0, 1.0), (1, 0.5), (2, 0.5), (3, 0.0)):
        opens = (rows[:, 1:] < 2)[heights[:, :-1] == height]
        assert opens.mean() == pytest.approx(share, abs=0.02)


def test_of_the_shortest_rows_those_that_ask_something_are_equally_likely() -> None:
    rows = draw(Dyck(kinds=2, depth=3), 4000, 3).inputs
    words, counts = np.unique(rows, axis=0, return_counts=True)
    assert {tuple(word) for word in words} == {(a, b, 2 + b) for a in (0, 1) for b in (0, 1)}  # ( [ ] and the like
    np.testing.assert_allclose(counts / 4000, 1 / 4, atol=0.03)


def test_a_row_is_shown_as_brackets() -> None:
    task = Dyck(kinds=2)
    batch = draw(task, 1, 40)
    output = np.eye(2)[batch.targets[0]]
    output[-1] = np.nan
    shown = task.show(batch, 0, output)
    text, known = shown.text, shown.expected
    assert set(text) == set("([)]")
    while (shorter := text.replace("()", "").replace("[]", "")) != text:
        text = shorter
    assert set(text) <= set("([")  # what is left of the beginning of a word is never closed
    assert shown.answered[:-1] == known[:-1]
    assert shown.answered[-1] == ("?" if batch.judged[0, -1] else "-")


@pytest.mark.slow
def test_a_plain_recurrent_network_follows_brackets_and_one_without_memory_guesses() -> None:
    runs = trained(Dyck, ["rnn", "feedforward"], {"depth": 3}, seq_len=60, hidden_size=32, train={"steps": 350})
    assert_borne_out(Dyck, runs)
    for accuracy in runs[runs.cell == "feedforward"].accuracy:
        assert accuracy == pytest.approx(Dyck().chance(60), abs=0.03)
