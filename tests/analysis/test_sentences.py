"""Every sentence against the tables it is made from."""

from __future__ import annotations

import re

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.analysis.conditions import by_condition, contrast, summary
from harness.analysis.ranks import RankCorrelation
from harness.analysis.sentences import findings
from harness.analysis.words import factor, percent
from harness.tables.tables import Tables
from tests.helpers.made_tables import made_tables


def sentence(tables: Tables, words: str) -> str:
    (found,) = [each for each in findings(tables) if words in each]
    return found


def test_the_contrast_names_the_longest_length_the_winner_and_the_guessing_rnn() -> None:
    assert findings(made_tables())[0] == (
        "At 40 steps, lstm (weight scale 0.9, 2 runs) answers 100 % right. rnn (weight scale 0.9, 2 runs) answers "
        "13 % right: no better than by guessing (12.5 %)."
    )


def test_the_memoryless_baseline_is_no_contrast() -> None:
    tables = made_tables(cells=("feedforward", "lstm"))
    assert contrast(by_condition(tables.runs)) is None
    assert findings(tables)[0].startswith("lstm solves the task in every run")


@pytest.mark.parametrize("everywhere", [1.0, 0.125])
def test_without_a_contrast_nothing_is_said_of_one(everywhere: float) -> None:
    tables = made_tables(accuracy=lambda cell, seq_len, scale: everywhere)
    assert contrast(by_condition(tables.runs)) is None
    assert not any("than by guessing" in each for each in findings(tables))


def test_reach_says_how_far_each_cell_gets() -> None:
    tables = made_tables()
    assert "in every run at up to 20 steps (weight scale 0.9, 1 and 1.1)." in sentence(tables, "rnn solves")
    assert "at up to 40 steps (weight scale 0.9, 1 and 1.1). That is the longest length that was tried." in sentence(
        tables, "lstm solves"
    )
    nowhere = made_tables(accuracy=lambda *_: 0.3)
    assert (
        sentence(nowhere, "rnn solves")
        == "rnn solves the task in none of its runs. Its best setting answers 30 % right."
    )


def test_a_shorter_length_that_is_not_solved_is_said() -> None:
    tables = made_tables(cells=("rnn",), accuracy=lambda cell, length, scale: float(length != 20 or scale != 1.0))
    assert sentence(tables, "rnn solves") == (
        "rnn solves the task in every run at 40 steps (weight scale 0.9, 1 and 1.1). That is the longest length that "
        "was tried. It does not at 20 steps with weight scale 1."
    )


def test_failed_runs_are_not_among_those_that_solve_the_task() -> None:
    setting = {"cells": ("rnn",), "lengths": (20,), "scales": (1.0,)}
    good, failed = made_tables(**setting, seeds=(0,)), made_tables(**setting, seeds=(1, 2), status="failed")
    both = Tables({name: pd.concat([good[name], failed[name]], ignore_index=True) for name in good})
    assert "in every run that did not fail at 20 steps" in sentence(both, "rnn solves")


def test_a_gradient_that_vanishes_altogether_is_no_lack_of_memory() -> None:
    tables = made_tables(cells=("rnn", "feedforward"), scales=(0.0, 1e30), factor=lambda cell, scale: 0.0)
    groups = by_condition(tables.runs)
    assert set(groups[groups.memoryless].cell) == {"feedforward"}
    assert "rnn solves" in " ".join(findings(tables))


def test_the_factor_after_training_is_the_tables() -> None:
    tables = made_tables(cells=("rnn", "lstm"))
    runs = tables.runs.assign(decay_rate=np.log(np.where(tables.runs.cell == "rnn", tables.runs.weight_scale / 2, 1)))
    assert sentence(Tables({**tables, "runs": runs}), "After training") == (
        "After training, at 40 steps, the factor per step is 1 for lstm and 0.45 to 0.55 for rnn (3 weight scales)."
    )


def test_a_factor_beyond_all_numbers_is_infinite() -> None:
    assert (factor(-np.inf), factor(0.0), factor(1e4)) == (0, 1, np.inf)


def test_the_gradient_before_training_is_given_per_scale_and_at_the_cue() -> None:
    found = sentence(made_tables(), "gradient of rnn")
    assert "gradient of rnn by 0.9, 1 and 1.1. The weight scales are 0.9, 1 and 1.1, in this order." in found
    assert found.endswith(f"At the cue, {0.9**37:.2g} of it is left (weight scale 0.9).")


def test_runs_that_lost_what_they_had_learned_are_counted() -> None:
    tables = made_tables(cells=("rnn",), lengths=(20,), scales=(0.9, 1.0), seeds=(0, 1), accuracy=lambda *_: 0.5)
    runs = tables.runs.assign(solved_step=pd.array([30, None, None, None], dtype="Int64"))
    found = sentence(Tables({**tables, "runs": runs}), "had lost it")
    assert found.startswith("1 of 4 runs solved the task during the training and had lost it by its end")
    assert found.endswith("rnn at weight scale 0.9.")
    assert not [each for each in findings(tables) if "had lost it" in each]


def test_length_alone_is_no_correlation() -> None:
    tables = made_tables(
        cells=("rnn",), lengths=(10, 40), seeds=range(4), accuracy=lambda cell, length, scale: float(length < 20)
    )
    assert not [each for each in findings(tables) if "rank correlation" in each]


def test_the_correlation_is_spearmans_over_settings_of_cells_with_memory() -> None:
    scales = (0.7, 0.8, 0.9, 1.0, 1.1, 1.2)
    right = dict(zip(scales, (0.3, 0.2, 0.4, 0.5, 0.7, 0.6), strict=True))
    tables = made_tables(
        cells=("feedforward", "rnn"), lengths=(20,), scales=scales, seeds=range(2),
        accuracy=lambda cell, length, scale: right[scale],
    )  # fmt: skip
    found = sentence(tables, "rank correlation")
    assert "Compared are 12 runs of cells with memory." in found
    # 1 - 6 * sum of squared differences of ranks / (n (n^2 - 1)), by hand: four ranks differ by one.
    assert f"rank correlation is {1 - 6 * 4 / (6 * 35):.2f}" in found
    assert "goes neither with higher nor with lower accuracy" in found


def test_a_correlation_is_said_to_be_one_where_settings_are_many_and_agree() -> None:
    scales = tuple(np.linspace(0.7, 1.2, 9).round(3))
    tables = made_tables(
        cells=("rnn",), lengths=(20,), scales=scales, seeds=(0,), accuracy=lambda cell, length, scale: scale / 2
    )
    assert "goes with higher accuracy after it. The rank correlation is 1.00" in sentence(tables, "rank correlation")
    untrained = Tables({**tables, "runs": tables.runs.assign(steps=0)})
    assert not [each for each in findings(untrained) if "rank correlation" in each]


def test_a_baseline_above_chance_is_called_out() -> None:
    assert "stays at the chance level: at most 12.5 % right. Guessing gives 12.5 %." in sentence(
        made_tables(), "no memory"
    )
    leaking = made_tables(accuracy=lambda *_: 0.5)
    assert "can be answered without memory" in sentence(leaking, "no memory")


def test_what_is_below_the_chance_level_is_not_said_to_be_at_it() -> None:
    low = made_tables(accuracy=lambda cell, length, scale: {"lstm": 1.0, "rnn": 0.03}.get(cell, 0.01))
    assert "stays below the chance level" in sentence(low, "no memory")
    assert "answers 3 % right: less than by guessing (12.5 %)" in sentence(low, "than by guessing")
    mixed = made_tables(accuracy=lambda cell, length, scale: 0.01 if length < 20 else 0.125)
    assert "stays at or below the chance level" in sentence(mixed, "no memory")


def test_where_no_line_describes_the_way_back_its_shape_is_named() -> None:
    tables = made_tables(cells=("rnn",), lengths=(10, 40), scales=(0.9,), seeds=range(4))
    assert not [each for each in findings(tables) if "no single factor" in each]
    bent = (tables.runs.seq_len == 40) & (tables.runs.seed < 3)
    runs = tables.runs.assign(
        verdict=tables.runs.verdict.mask(bent, "undefined"), shape=tables.runs["shape"].mask(bent, "falls and rises")
    )
    runs.loc[bent & (runs.seed == 0), "shape"] = "wavers"
    assert sentence(Tables({**tables, "runs": runs}), "no single factor") == (
        "After training, at 40 steps, no single factor describes the gradient of rnn on its way back. Its shape is"
        " “falls and rises” in 2 of 4 runs and “wavers” in 1 of 4 runs."
    )


def test_failed_and_diverged_runs_are_counted_with_their_reasons() -> None:
    failed = made_tables(status="failed", cells=("rnn",), lengths=(10,), scales=(1.0,))
    assert findings(failed) == ["2 of 2 runs failed: RuntimeError: <script>alert(1)</script> | no oven."]
    several = made_tables(status="failed", cells=("rnn",), lengths=(10,), scales=(1.0,), seeds=range(5))
    runs = several.runs.assign(reason=["no oven.", "no dish", "no oven.", "no sauce.", "no guest"])
    assert findings(Tables({**several, "runs": runs})) == ["5 of 5 runs failed: no oven, no dish and no sauce."]
    diverged = made_tables(status="diverged", cells=("rnn",), lengths=(10,))
    found = sentence(diverged, "diverged")
    assert found == (
        "6 of 6 runs diverged, at training step 7: rnn at weight scale 0.9, rnn at weight scale 1 and "
        "rnn at weight scale 1.1."
    )


def test_runs_that_a_search_has_pruned_are_counted_and_nothing_else_is_said_of_them() -> None:
    tables = made_tables(cells=("rnn",), lengths=(10,), scales=(0.9, 1.0))
    early = tables.runs.weight_scale == 1.0
    runs = tables.runs.assign(
        status=tables.runs.status.mask(early, "pruned"), steps=tables.runs.steps.mask(early, [4, 4, 4, 6])
    )
    found = findings(Tables({**tables, "runs": runs}))
    assert found[-1] == "The search pruned 2 of 4 runs, after 4 to 6 training steps."
    without = Tables({**tables, "runs": tables.runs[~early]})
    assert found[:-1] == findings(without)


def test_several_experiments_are_told_apart() -> None:
    one, two = made_tables(cells=("rnn",)), made_tables(cells=("lstm",), experiment="other")
    both = Tables({name: pd.concat([one[name], two[name]]) for name in one})
    assert {each.split(":")[0] for each in findings(both)} == {"recall_dish", "other"}


def test_sentences_about_many_settings_stay_short() -> None:
    scales = tuple(np.linspace(0.5, 1.5, 41).round(3))
    found = findings(made_tables(cells=("rnn", "lstm"), lengths=(20, 40), scales=scales, seeds=(0,)))
    assert max(map(len, found)) < 400
    (reach,) = [each for each in found if each.startswith("lstm solves")]
    assert "(weight scale 0.5, 0.525, 0.55, 0.575, 0.6 and 36 more)" in reach
    (gradient,) = [each for each in found if "gradient of rnn" in each]
    assert "by 0.5, 0.7, " in gradient
    assert "These are 6 of 41 weight scales, in this order: 0.5, 0.7, " in gradient


def test_a_condition_is_all_runs_that_differ_in_nothing_but_the_seed() -> None:
    assert by_condition(made_tables().runs).runs.eq(2).all()


def test_the_summary_marks_guessing() -> None:
    table = summary(made_tables().runs)
    assert table.loc[("rnn", 40), 0.9] == "~13 %"
    assert table.loc[("lstm", 40), 1.1] == "100 %"


@settings(max_examples=25, deadline=None)
@given(
    cells=st.lists(st.sampled_from(["feedforward", "rnn", "lstm"]), min_size=1, unique=True),
    value=st.sampled_from([0.0, 0.1, 0.5, 1.0, np.nan]),
    factor=st.sampled_from([0.0, 0.5, 1.0, 1e6, np.inf, np.nan]),
    status=st.sampled_from(["ok", "diverged", "failed"]),
)
def test_absurd_tables_give_sentences_without_undefined_numbers(
    cells: list[str], value: float, factor: float, status: str
) -> None:
    with np.errstate(all="ignore"):
        tables = made_tables(
            cells=cells, lengths=(5, 8), scales=(0.0, 1.0), seeds=(0,), steps=(0,), status=status,
            factor=lambda cell, scale: factor, accuracy=lambda *_: value,
        )  # fmt: skip
    found = findings(tables)
    assert found or np.isnan(value)  # of an accuracy that is not known nothing is said
    for each in found:
        assert "\n" not in each
        assert not re.search(r"\b(nan|None|<NA>)\b", each), each


@pytest.mark.parametrize(
    ("share", "words"),
    [
        (1, "100 %"),
        (0.125, "12.5 %"),
        (0.1304, "13 %"),
        (0, "0 %"),
        (np.nan, "an undefined share"),
        (2047 / 2048, "more than 99.9 %"),
        (1 / 4096, "less than 0.1 %"),
    ],
)
def test_percentages_have_the_digits_they_need(share: float, words: str) -> None:
    assert percent(share) == words


@pytest.mark.parametrize(
    ("ratio", "words"),
    [
        (np.nan, "How much of it reaches the cue is undefined."),
        (0, "Nothing of it reaches the cue."),
        (1e-17, "At the cue, 1e-17 of it is left."),
        (0.999, "At the cue, 1 of it is left."),
        (1.0, "At the cue it is 1 times that at the answer."),
        (40.0, "At the cue it is 40 times that at the answer."),
        (np.inf, "At the cue it is infinitely many times that at the answer."),
    ],
)
def test_what_reaches_the_cue_reads_as_words_at_the_extremes(ratio: float, words: str) -> None:
    tables = made_tables(cells=("rnn",), lengths=(20,), scales=(0.9,))
    runs = tables.runs.assign(grad_ratio_init=ratio)
    assert sentence(Tables({**tables, "runs": runs}), "gradient of rnn").endswith(f". {words}")


def test_versions_of_a_task_are_told_apart_and_never_averaged() -> None:
    easy, hard = made_tables(cells=("rnn",)).runs, made_tables(cells=("rnn",)).runs
    runs = pd.concat([easy.assign(**{"experiment.form": "easy"}, accuracy=1.0, solved=True),
                      hard.assign(**{"experiment.form": "hard"}, accuracy=0.125, solved=False)])  # fmt: skip
    found = findings(Tables({"runs": runs}))
    assert {each.split(": ")[0] for each in found} == {"form=easy", "form=hard"}
    (easy_one,) = [each for each in found if each.startswith("form=easy: rnn solves")]
    assert "every run" in easy_one
    assert any(each.startswith("form=hard: rnn solves the task in none") for each in found)


@pytest.mark.parametrize(
    ("low", "high", "p", "goes", "told"),
    [
        (0.2, 0.9, 0.004, "goes with higher", "with a 99 % interval from 0.20 to 0.90"),
        (0.2, 0.9, 0.014, "goes neither", "chance alone gives as much in 1.4 % of cases"),
        (-0.1, 0.9, 0.004, "goes neither", "with a 99 % interval from -0.10 to 0.90"),
        (-0.1, 0.9, 0.014, "goes neither", "with a 99 % interval from -0.10 to 0.90"),
    ],
)
def test_the_number_beside_a_correlation_never_contradicts_what_is_said_of_it(
    low: float, high: float, p: float, goes: str, told: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = RankCorrelation(0.6, low, high, p)
    monkeypatch.setattr("harness.analysis.about_gradient.rank_correlation", lambda *_: found)
    said = sentence(made_tables(), "rank correlation")
    assert goes in said
    assert told in said
    assert said.count("%") == 1  # the interval or the chance, not both


@pytest.mark.parametrize(("steps", "told"), [([0, 0], False), ([0, 10], True), ([10, 10], True)])
def test_the_gradient_after_training_is_told_of_where_any_run_has_trained(steps: list[int], told: bool) -> None:
    tables = made_tables(cells=("rnn",), lengths=(8,), scales=(1.0,), seeds=(0, 1))
    found = findings(Tables({**tables, "runs": tables.runs.assign(steps=steps)}))
    assert any(sentence.startswith("After training") for sentence in found) == told
