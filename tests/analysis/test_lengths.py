"""What is said of lengths beyond the training, against tables made by hand."""

from __future__ import annotations

import pandas as pd
import pytest

from harness.analysis.sentences import findings, findings_by_family
from harness.tables import Tables
from harness.tables.columns import COLUMNS
from tests.helpers.made_tables import made_tables

MADE = {"cells": ("lstm",), "lengths": (10,), "scales": (1.0,), "seeds": (0, 1)}


def said(solved: list[dict[int, bool]], every: bool = True, **changes: object) -> list[str]:
    """The sentences about lengths, where the runs in turn solve the task at these lengths, or do not."""
    tables = made_tables(**{**MADE, **changes}, accuracy=lambda *condition: 1.0 if every else 0.2)
    rows = [
        {"run_id": run_id, "length": length, "solved": right}
        for place, run_id in enumerate(tables.runs.run_id)
        for length, right in solved[place % len(solved)].items()
    ]
    table = pd.DataFrame(rows, columns=COLUMNS["generalization"])
    return [each for each in findings(Tables({**tables, "generalization": table})) if "was trained on" in each]


TRAINED = "lstm was trained on no more than 10 steps. "
NOWHERE = "At none of the longer lengths that were tried does it solve the task in every run."
LAST = " That is the longest length that was tried."


@pytest.mark.parametrize(
    ("solved", "words"),
    [
        ([{20: True, 40: True, 80: False}] * 2, "It solves the task in every run at up to 40 steps."),
        ([{20: True, 40: True}] * 2, "It solves the task in every run at up to 40 steps." + LAST),
        ([{20: True, 40: True}, {20: True, 40: False}], "It solves the task in every run at up to 20 steps."),
        ([{20: False, 40: True}] * 2, NOWHERE),  # by chance, since shorter ones are not solved
        ([{20: True}, {20: False}], NOWHERE),
        ([{5: False, 10: True, 20: True}] * 2, "It solves the task in every run at up to 20 steps." + LAST),
    ],
)
def test_the_longest_length_up_to_which_all_runs_solve_all_is_named(solved: list[dict], words: str) -> None:
    assert said(solved) == [TRAINED + words]


def test_nothing_is_said_where_no_longer_length_was_tried_or_training_did_not_solve_the_task() -> None:
    assert said([{5: True, 10: True}]) == []
    assert said([{20: True}], every=False) == []


def test_of_several_weight_scales_the_one_that_gets_farthest_is_named() -> None:
    # Runs come scale by scale, seed by seed.
    solved = [{20: True, 40: False}] * 2 + [{20: True, 40: True}] * 2
    (found,) = said(solved, scales=(0.9, 1.1))
    assert found == TRAINED + "It solves the task in every run at up to 40 steps (weight scale 1.1)." + LAST


def test_of_many_cells_it_stands_among_the_sentences_of_each_one() -> None:
    cells = ["rnn", "lstm", "gru", "leaky", "brc", "nbr", "atr", "sgu", "dsgu", "ran", "star"]
    tables = made_tables(cells=cells, lengths=(10,), scales=(1.0,), seeds=(0,), accuracy=lambda *condition: 1.0)
    rows = [{"run_id": run_id, "length": 20, "solved": True} for run_id in tables.runs.run_id]
    table = pd.DataFrame(rows, columns=COLUMNS["generalization"])
    told = findings_by_family(Tables({**tables, "generalization": table}))
    said = [each for own in told.values() for each in own if "was trained on" in each]
    assert sorted(each.split()[0] for each in said) == sorted(cells)


def test_of_several_trained_lengths_the_one_that_is_outdone_most_is_named() -> None:
    solved = [{20: True, 40: True, 80: False}] * 2 + [{20: True, 40: True, 80: False}] * 2
    (found,) = said(solved, lengths=(10, 20))
    assert found == TRAINED + "It solves the task in every run at up to 40 steps."
