"""The table of the tasks of the Chomsky hierarchy says what the tasks say."""

from __future__ import annotations

import re

import pytest

from harness.plugins.registry import registry
from tests.helpers.sweeps import ROOT

ROWS = [
    [cell.strip() for cell in line.strip("|").split("|")]
    for line in (ROOT / "docs" / "chomsky.md").read_text("utf-8").splitlines()
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
