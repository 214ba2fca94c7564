"""Nested brackets against a stack."""

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

Dyck = registry().get("experiment", "dyck")


@pytest.mark.parametrize(("kinds", "depth", "seq_len"), [(2, 2, 3), (2, 4, 50), (12, 3, 31), (3, 8, 200)])
def test_answers_are_the_top_of_a_stack(kinds: int, depth: int, seq_len: int) -> None:
    batch = Dyck(kinds=kinds, depth=depth).sample(stream(0, "test"), 60, seq_len)
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
    batch = task.sample(stream(1, "test"), 4000, 30)
    counts = np.zeros((3, 3))
    np.add.at(counts, (batch.inputs[batch.judged] - 3, batch.targets[batch.judged]), 1)
    np.testing.assert_allclose(counts / counts.sum(axis=1, keepdims=True), task.chance(30), atol=0.02)


def test_brackets_open_and_close_with_the_stated_probabilities() -> None:
    rows = Dyck(kinds=2, depth=3).sample(stream(2, "test"), 4000, 12).inputs
    heights = np.where(rows < 2, 1, -1).cumsum(axis=1)
    for height, share in ((0, 1.0), (1, 0.5), (2, 0.5), (3, 0.0)):
        opens = (rows[:, 1:] < 2)[heights[:, :-1] == height]
        assert opens.mean() == pytest.approx(share, abs=0.02)


def test_a_row_is_shown_as_brackets() -> None:
    task = Dyck(kinds=2)
    batch = task.sample(stream(3, "test"), 1, 40)
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
def test_a_plain_recurrent_network_follows_brackets_and_one_without_memory_guesses(config: Config) -> None:
    made = {"experiment": {"name": "dyck", "depth": 3}, "seq_len": 60, "hidden_size": 32, "engine": {"compile": "auto"},
            "train": {"steps": 600, "batch_size": 32, "lr": 0.01}, "probe": {"every": 200}}  # fmt: skip
    found = [run(members(config(cell=cell, **made)))["runs"] for cell in ("rnn", "feedforward")]
    verdict = Dyck.bears_out(Tables({"runs": pd.concat(found)}))
    assert verdict is not None
    assert verdict.holds, verdict.numbers
    assert found[1].accuracy.item() == pytest.approx(Dyck().chance(60), abs=0.03)
