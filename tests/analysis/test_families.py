"""Of many cells, the sentences tell of all of them together, and of each one by its family."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from harness.analysis.about_families import family_table
from harness.analysis.cell_table import cell_rows
from harness.analysis.conditions import by_condition
from harness.analysis.families import MOST_CELLS, families, many
from harness.analysis.runs import finished
from harness.analysis.sentences import findings, findings_by_family
from harness.tables.tables import Tables
from tests.helpers.made_tables import made_tables
from tests.helpers.zoo import FAMILY, zoo


def count(family: str) -> int:
    return sum(own == family for own in FAMILY.values())


def test_all_cells_are_told_of_in_a_few_short_sentences() -> None:
    found = findings(zoo())
    assert len(found) <= 10
    assert max(map(len, found)) < 400


def test_the_cells_that_solve_the_task_are_counted_at_each_length_and_in_each_family() -> None:
    classic, gated, able = count("classic"), count("gated"), len(FAMILY) - 1  # feedforward has no memory
    first, second = (each for each in findings(zoo()) if "cells with memory, " in each or "By family" in each)
    assert first == (
        f"Of {able} cells with memory, so many solve the task in every run of one weight scale: "
        f"{classic + gated} at 6 steps and {classic} at 8 steps."
    )
    assert second.startswith(f"By family, at 8 steps: classic {classic} of {classic}; ")
    assert f"gated 0 of {gated}" in second
    assert f"controls 0 of {count('controls') - 1}" in second


def test_verdicts_before_training_are_those_of_the_table() -> None:
    (found,) = [each for each in findings(zoo()) if "on its way back" in each]
    able = zoo().runs[zoo().runs.has_memory.astype(bool) & (zoo().runs.seq_len == 8)]
    half = len(able) // 2  # weight scale 0.9 vanishes, 1.1 explodes
    assert found == (
        f"Before training, the gradient on its way back vanishes in {half} and explodes in {half}. "
        f"These are {len(able)} runs, at 8 steps."
    )
    undefined = zoo().runs.assign(verdict_init="undefined")
    (found,) = [each for each in findings(Tables({**zoo(), "runs": undefined})) if "on its way back" in each]
    assert f"has no single factor in {len(able)}." in found


def test_every_cell_with_memory_has_its_sentences_in_its_family() -> None:
    found = findings_by_family(zoo())
    assert list(found) == sorted(set(FAMILY.values()))
    for cell, family in FAMILY.items():
        own = [sentence for sentence in found[family] if sentence.startswith(f"{cell} solves")]
        assert len(own) == (cell != "feedforward")
    assert not any(sentence.startswith("lstm solves") for sentence in found["classic"])


def test_few_cells_are_told_of_one_by_one() -> None:
    cells = [*FAMILY][: MOST_CELLS + 1]
    few, more = (
        made_tables(cells=cells[:most], lengths=(6,), scales=(1.0,), seeds=(0,)) for most in (MOST_CELLS, None)
    )
    assert not many(few.runs)
    assert findings_by_family(few) == {}
    assert sum(" solves the task" in each for each in findings(few)) == MOST_CELLS
    assert many(more.runs)
    assert sum(" solves the task" in each for each in findings(more)) == 0


def test_variants_of_one_cell_count_as_cells_of_its_family() -> None:
    tables = made_tables(cells=("lstm",), lengths=(6,), scales=(1.0,), seeds=range(12))
    runs = tables.runs.assign(variant=[f"forget_bias {bias}" for bias in range(12)])
    assert families(finished(runs)) == {"gated": [f"lstm, forget_bias {bias}" for bias in range(12)]}
    (told,) = findings_by_family(Tables({**tables, "runs": runs})).values()
    assert any(each.startswith("lstm, forget_bias 11 solves") for each in told)


def test_results_that_name_no_family_are_others() -> None:
    runs = made_tables(cells=("rnn", "lstm"), lengths=(6,), scales=(1.0,), seeds=(0,)).runs
    assert families(finished(runs.drop(columns="family"))) == {"others": ["lstm", "rnn"]}
    assert families(finished(runs.assign(family=None))) == {"others": ["lstm", "rnn"]}


def test_the_table_of_families_counts_who_solves_the_task_and_names_the_best() -> None:
    rows = {row[0]: row[1:] for row in family_table(by_condition(finished(zoo().runs)))}
    assert {family: row[0] for family, row in rows.items()} == {family: count(family) for family in rows}
    assert rows["classic"][1] == {6: count("classic"), 8: count("classic")}
    assert rows["gated"][1] == {6: count("gated"), 8: 0}
    assert rows["classic"][3] == 1.0
    assert FAMILY[rows["classic"][2]] == "classic"


def test_the_best_of_a_family_is_the_most_accurate_at_the_longest_length() -> None:
    def accuracy(cell: str, length: int, scale: float) -> float:
        at_longest = {"rnn": 0.5, "leaky": 0.75, "linear": 0.25}.get(cell, 0.125)
        return at_longest if length == 8 else 1 - at_longest

    runs = made_tables(
        cells=("rnn", "leaky", "linear"), lengths=(6, 8), scales=(1.0,), seeds=(0,), steps=(0,), accuracy=accuracy
    ).runs
    ((_, cells, _, best, right),) = family_table(by_condition(finished(runs)))
    assert (cells, best, right) == (3, "leaky", 0.75)


def test_a_row_says_factors_by_scale_the_best_accuracy_by_length_the_size_and_the_time() -> None:
    tables = made_tables(
        cells=("rnn", "feedforward"), lengths=(6, 8), scales=(0.9, 1.1), seeds=(0, 1), steps=(0, 10),
        accuracy=lambda cell, length, scale: scale / length,
    )  # fmt: skip
    runs = tables.runs
    longest = runs.seq_len == 8
    runs = runs.assign(
        seconds=np.where(longest, 1.0 + runs.seed, 100.0), parameters=np.where(longest, 222 - runs.seed, 111),
        verdict_init=runs.verdict_init.mask((runs.cell == "rnn") & (runs.weight_scale == 1.1), "undefined"),
    )  # fmt: skip
    rnn, control = cell_rows(finished(runs.iloc[::-1]))
    assert (list(rnn.factors), list(rnn.right)) == ([0.9, 1.1], [6, 8])
    assert (rnn.who, rnn.family, control.who, control.family) == ("rnn", "classic", "feedforward", "controls")
    assert rnn.factors[0.9] == pytest.approx(0.9)
    assert np.isnan(rnn.factors[1.1])
    assert rnn.right == {6: pytest.approx(1.1 / 6), 8: pytest.approx(1.1 / 8)}
    assert rnn.parameters == 222
    assert rnn.seconds_per_step == pytest.approx(1.5 / 10)


def test_without_training_there_is_no_time_per_step() -> None:
    runs = made_tables(cells=("rnn",), lengths=(6,), scales=(1.0,), seeds=(0,), steps=(0,)).runs
    (row,) = cell_rows(finished(runs.assign(parameters=pd.array([None], dtype="Int64"))))
    assert np.isnan(row.seconds_per_step)
    assert row.parameters is None
