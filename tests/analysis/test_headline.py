"""The one sentence over a report: true of its tables, and short, whatever they hold."""

from __future__ import annotations

from typing import Any

import pandas as pd
import pytest

from harness.analysis.conditions import by_condition
from harness.analysis.headline import MOST_WORDS, best_and_worst, headline, words_in
from harness.analysis.key_findings import key_findings
from harness.analysis.runs import finished
from harness.analysis.sentences import findings
from harness.tables.tables import Tables
from tests.helpers.made_tables import made_tables
from tests.helpers.zoo import zoo


def half(cell: str, seq_len: int, scale: float) -> float:
    return 0.5


def lstm_only_above_one(cell: str, seq_len: int, scale: float) -> float:
    return 1.0 if cell == "lstm" and scale > 1 else 0.125 if scale < 1 else 0.6


CASES: dict[str, tuple[dict[str, Any], str]] = {
    "a contrast": ({}, "At 40 steps, lstm solves the task in every run, while rnn does no better than guessing."),
    "a contrast of single settings": (
        {"accuracy": lstm_only_above_one},
        "At 40 steps, lstm at weight scale 1.1 solves the task in every run, while rnn at weight scale 0.9 does no "
        "better than guessing.",
    ),
    "nothing finished": ({"status": "failed"}, "None of the 54 runs has an outcome."),
    "one run that failed": (
        {"status": "failed", "cells": ("rnn",), "lengths": (8,), "scales": (1.0,), "seeds": (0,)},
        "The one run has no outcome.",
    ),
    "one run": (
        {"cells": ("rnn",), "lengths": (8,), "scales": (1.0,), "seeds": (0,)},
        "rnn solves the task in every run, at 8 steps.",
    ),
    "no memory": ({"cells": ("feedforward",)}, "No cell in these runs has a memory."),
    "all solve it": (
        {"accuracy": lambda *_: 1.0},
        "Each of 2 cells with memory solves the task in every run, up to 40 steps.",
    ),
    "all guess": (
        {"accuracy": lambda *_: 0.125},
        "None of 2 cells with memory does better than guessing, up to 40 steps.",
    ),
    "one guesses": (
        {"cells": ("rnn",), "accuracy": lambda *_: 0.125},
        "rnn does no better than guessing, up to 40 steps.",
    ),
    "one is better": (
        {"accuracy": lambda cell, *_: 0.5 if cell == "rnn" else 0.8, "scales": (1.0,)},
        "At 40 steps, lstm answers 80 % right, and rnn only 50 %.",
    ),
    "one scale is better": (
        {"cells": ("rnn",), "accuracy": lambda cell, seq_len, scale: 0.8 if scale == 1.1 else 0.4},
        "At 40 steps, rnn at weight scale 1.1 answers 80 % right, and rnn at weight scale 1 only 40 %.",
    ),
    "none is better": (
        {"accuracy": half, "scales": (1.0,)},
        "At 40 steps no setting is better than another for certain; lstm answers 50 % right.",
    ),
    "untrained": (
        {"steps": (0,), "factor": lambda cell, scale: 0.5 if cell == "rnn" else 0.9},
        "Untrained, at 40 steps: the cue receives 0.02 times the answer's gradient in lstm, 7.3·10⁻¹² times in rnn.",
    ),
}


@pytest.mark.parametrize(("changes", "sentence"), CASES.values(), ids=CASES)
def test_the_headline_says_what_the_tables_say(changes: dict[str, Any], sentence: str) -> None:
    assert headline(made_tables(**changes).runs) == sentence
    assert words_in(sentence) <= MOST_WORDS


def test_of_many_cells_it_counts_those_that_solve_the_task() -> None:
    runs = zoo().runs.assign(steps=10)
    here = runs[(runs.seq_len == runs.seq_len.max()) & runs.has_memory.astype(bool)]
    solved = here.groupby(["cell", "weight_scale"]).solved.all().groupby("cell").any()
    words = headline(runs).split()
    assert f"{solved.sum()} of {len(solved)} cells" in " ".join(words)
    assert len(words) <= MOST_WORDS


@pytest.mark.parametrize("variant", ["forget_bias 3", "a variant with a name of a great many words " * 4])
def test_long_names_leave_room_for_what_is_said_of_them(variant: str) -> None:
    tables = made_tables(accuracy=lstm_only_above_one)
    said = headline(tables.runs.assign(variant=variant))
    assert "guess" in said
    assert words_in(said) <= MOST_WORDS


def test_the_version_with_a_contrast_is_told_of_and_named() -> None:
    equal, contrast = made_tables(accuracy=half, seeds=(0,)), made_tables(seeds=(1,))
    option = "experiment.n_dishes"
    both = [each.runs.assign(**{option: n}) for each, n in ((equal, 4), (contrast, 8))]
    assert headline(pd.concat(both)) == (
        "n_dishes=8: At 40 steps, lstm solves the task in every run, while rnn does no better than guessing."
    )


def test_without_better_accuracies_gradients_tell_who_is_shown() -> None:
    """0.95^37 is closer to 1 than 1.2^37 and 0.6^37, all as factors."""
    factors = {"rnn": 1.2, "gru": 0.95, "lstm": 0.6}
    tables = made_tables(cells=tuple(factors), scales=(1.0,), accuracy=half, factor=lambda cell, _: factors[cell])
    found = best_and_worst(by_condition(finished(tables.runs)))
    assert found is not None
    best, worst = found
    assert worst is not None
    assert (best.who, worst.who) == ("gru", "lstm")


def test_a_setting_whose_accuracy_is_not_known_is_not_shown_as_the_worst_beside_others() -> None:
    factors = {"rnn": 0.9, "gru": 0.95, "lstm": 0.6}
    tables = made_tables(cells=tuple(factors), scales=(1.0,), accuracy=half, factor=lambda cell, _: factors[cell])
    groups = by_condition(finished(tables.runs))
    for unknown, worst in ((["lstm"], "rnn"), (["lstm", "rnn"], "lstm")):
        found = best_and_worst(groups.assign(accuracy=groups.accuracy.mask(groups.who.isin(unknown))))
        assert found is not None
        assert found[1] is not None
        assert (found[0].who, found[1].who) == ("gru", worst)


def test_a_single_setting_is_shown_alone() -> None:
    runs = made_tables(cells=("feedforward", "rnn"), lengths=(8,), scales=(1.0,)).runs
    found = best_and_worst(by_condition(finished(runs)))
    assert found is not None
    assert (found[0].who, found[1]) == ("rnn", None)


def test_key_findings_answer_three_questions() -> None:
    tables = made_tables(factor=lambda cell, scale: 0.99 if cell == "lstm" else 0.5 * scale)
    found = findings(tables)
    expected, who, gradient = key_findings(tables.runs, ["It was expected.", "So was that."], found)
    assert expected == "It was expected."
    assert who == found[0]
    assert "correlation" in gradient
    assert gradient in found


def test_questions_without_an_answer_leave_their_place_to_the_next_finding() -> None:
    tables = made_tables(lengths=(8,), seeds=(0,), scales=(1.0,))
    found = findings(tables)
    assert key_findings(tables.runs, [], found) == found[:3]


def test_without_findings_there_are_no_key_ones() -> None:
    empty = Tables({"runs": made_tables(status="failed").runs})
    assert key_findings(empty.runs, [], []) == []
