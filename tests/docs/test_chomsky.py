"""The page on the tasks of the Chomsky hierarchy says what the tasks say, and scores as the source does."""

from __future__ import annotations

import re

import pandas as pd
import pytest

from harness.plugins.finding import import_file
from harness.plugins.registry import registry
from harness.tables.tables import Tables
from tests.helpers.sweeps import ROOT

ROWS = [
    [cell.strip() for cell in line.strip("|").split("|")]
    for line in (ROOT / "docs" / "chomsky.md").read_text("utf-8").partition("<!-- scores -->")[0].splitlines()
    if re.match(r"\| (regular|context)", line)
]


def test_the_table_has_all_tasks_with_a_level_that_read_strings() -> None:
    named = {row[1].strip("`") for row in ROWS}
    levels = {plugin.name for plugin in registry().of_kind("experiment") if plugin.target.level}
    assert named == levels - {"parity", "dyck"}
    assert len(ROWS) == 15


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row[1])
def test_a_row_says_level_lengths_and_chance(row: list[str]) -> None:
    level, name, _, answer, *lengths, chance = row
    task = registry().get("experiment", name.strip("`"))()
    assert task.level == level
    symbols = {"1": 1, "n": 40, "n + 1": 41, "2 n": 80, "n / 2, rounded up": 20}[answer]
    assert task.answer_length(40) == symbols
    for said, n in zip(lengths, (40, 500), strict=True):
        found = re.fullmatch(r"(\d+)(?: \(n = (\d+)\))?", said)
        assert found
        assert task.string_length(int(found[1])) == int(found[2] or n)
        assert int(found[1]) == int(found[2] or n) + task.answer_length(int(found[2] or n))
    assert float(chance.removeprefix("at most ").removesuffix(" %")) == round(100 * task.chance(int(lengths[0][:3])))


def test_a_score_is_the_mean_accuracy_over_lengths_that_were_not_trained() -> None:
    runs = pd.DataFrame(
        {"experiment": "parity_check", "cell": "rnn", "seq_len": 20, "seed": [0, 1], "run_id": ["a", "b"]}
    )
    right = pd.DataFrame(
        [("a", 10, 1.0), ("a", 20, 0.9), ("a", 40, 0.8), ("a", 80, 0.6),
         ("b", 10, 1.0), ("b", 20, 1.0), ("b", 40, 1.0), ("b", 80, 0.5)],
        columns=["run_id", "length", "accuracy"],
    ).assign(chance=0.5)  # fmt: skip
    script = import_file("make_chomsky", ROOT / "docs" / "make_chomsky.py")
    head, _, row = script.scores(Tables({"runs": runs, "generalization": right})).splitlines()
    assert head == "| level | task | cell | 10 steps | 20 steps | 40 steps | 80 steps | score | best seed | guessing |"
    assert row == "| regular | `parity_check` | `rnn` | 100 % | 95 % | 90 % | 55 % | 72 % | 75 % | 50 % |"
