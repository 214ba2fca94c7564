"""Claims against tables of a few runs, each with the one verdict that is right."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from harness.analysis.accuracy import accuracies, below, not_above, surely_higher, threshold
from harness.analysis.claims import (
    Kind,
    compare,
    kinds,
    solves_only_short,
    solves_where_it_does_not,
    solves_where_it_guesses,
)
from harness.tables.tables import Tables

GUESS = 0.125


def runs(*rows: tuple[Any, ...], samples: int = 512, **changes: Any) -> pd.DataFrame:
    """Runs from (cell, length, seed, accuracy); an accuracy of None is that of a run that failed."""
    made = pd.DataFrame(rows, columns=["cell", "seq_len", "seed", "accuracy"]).astype({"accuracy": float})
    failed = made.accuracy.isna()
    made = made.assign(
        experiment="task", variant="", weight_scale=1.0, chance=GUESS, eval_samples=samples,
        run_id=made.index.astype(str), status=np.where(failed, "failed", "ok"),
        accuracy_se=np.sqrt(made.accuracy * (1 - made.accuracy) / (samples - 1)),
        solved=(made.accuracy >= 0.95).astype("boolean").mask(failed),
    )  # fmt: skip
    return made.assign(**changes)


def seeds(cell: str, length: int, *accuracies: float | None) -> list[tuple[Any, ...]]:
    return [(cell, length, seed, accuracy) for seed, accuracy in enumerate(accuracies)]


def guesses(made: pd.DataFrame) -> bool | None:
    verdict = solves_where_it_guesses(Tables({"runs": made}), "cell == 'lstm'", "cell == 'rnn'")
    return None if verdict is None else verdict.holds


def fails(made: pd.DataFrame) -> bool | None:
    verdict = solves_where_it_does_not(Tables({"runs": made}), "cell == 'lstm'", "cell == 'rnn'")
    return None if verdict is None else verdict.holds


@pytest.mark.parametrize(
    ("able", "unable", "guessed", "failed"),
    [
        ((1.0, 1.0), (0.12, 0.13), True, True),
        ((1.0, 0.94), (0.12, 0.13), False, False),  # one of two runs is not enough
        ((0.94, 1.0), (0.12, 0.13), False, False),
        ((1.0, 1.0), (0.12, 0.5), False, True),  # one that does better than guessing is no guess
        ((1.0, 1.0), (0.5, 0.12), False, True),
        ((1.0, 1.0), (0.12, 0.96), False, False),  # one that solves it has solved it
        ((1.0, 1.0), (0.02, 0.02), True, True),  # below chance is no more than guessing
        ((1.0, 1.0, None), (0.12, 0.13), False, False),  # a run that failed has not solved the task
        ((1.0, 1.0), (0.12, 0.13, None), True, True),
        ((1.0, None), (0.12, 0.13), None, None),  # one run with an outcome says nothing
        ((1.0, 1.0), (0.12, None), None, None),
        ((1.0, 1.0), (), None, None),
        ((1.0,), (0.12, 0.13), None, None),
        (8 * (1.0,), (0.96, *7 * (0.0,)), False, False),  # one of eight solves it: on average a guess, and no match
        ((0.96, 0.96), (0.94, 0.94), False, False),  # a difference that luck may bring about
    ],
)
def test_a_claim_holds_where_all_of_one_kind_solve_what_none_of_the_other_does(
    able: tuple[Any, ...], unable: tuple[Any, ...], guessed: bool | None, failed: bool | None
) -> None:
    made = runs(*seeds("lstm", 20, *able), *seeds("rnn", 20, *unable))
    assert guesses(made) is guessed
    assert fails(made) is failed


@pytest.mark.parametrize(("held", "said"), [((20,), 20), ((40,), 40), ((20, 40), 40), ((), 40)])
def test_one_length_is_enough_and_the_longest_one_is_told_of(held: Sequence[int], said: int) -> None:
    made = [
        row
        for length in (20, 40)
        for right in [1.0 if length in held else 0.125]
        for row in (*seeds("lstm", length, right, right), *seeds("rnn", length, 0.125, 0.125))
    ]
    tables = Tables({"runs": runs(*made, *seeds("lstm", 80, 1.0, 1.0))})  # of 80 steps there is one kind alone
    verdict = solves_where_it_guesses(tables, "cell == 'lstm'", "cell == 'rnn'")
    assert verdict is not None
    assert verdict.holds is bool(held)
    right = "100 %" if said in held else "12.5 %"
    assert verdict.numbers == (
        f"At {said} steps, right on average: lstm (2 runs) {right}; rnn (2 runs) 12.5 %. Guessing gives 12.5 %."
    )


def test_the_sentence_names_cells_scales_and_what_failed() -> None:
    made = runs(*seeds("lstm", 20, 1.0, 1.0), *seeds("gru", 20, 0.5, 0.5), *seeds("rnn", 20, 0.25, 0.35, None))
    made = made.assign(weight_scale=[0.9, 1.1, 0.9, 0.9, 1.1, 0.9, 0.9])
    verdict = compare(Tables({"runs": made}), "cell != 'rnn'", "cell == 'rnn'", lambda up, down: False)
    assert verdict is not None
    assert not verdict.holds
    assert verdict.numbers == (
        "At 20 steps, right on average: lstm, gru at weight scale 0.9 and 1.1 (4 runs) 75 %; "
        "rnn at weight scale 0.9 and 1.1 (3 runs, 1 of them failed) 30 %. Guessing gives 12.5 %."
    )


def test_the_more_lengths_are_compared_the_surer_one_has_to_be() -> None:
    made = [row for length in (10, 20, 40) for cell in ("lstm", "rnn") for row in seeds(cell, length, 0.5, 0.5)]
    asked: list[tuple[int, int, int]] = []

    def holds(up: Kind, down: Kind) -> bool:
        asked.append((int(up.runs.seq_len.iloc[0]), up.tries, len(up.runs)))
        return False

    compare(Tables({"runs": runs(*made)}), "cell == 'lstm'", "cell == 'rnn'", holds)
    assert asked == [(40, 3, 2), (20, 3, 2), (10, 3, 2)]


def kind(*accuracies: float | None, tries: int = 1, samples: int = 512) -> Kind:
    return Kind(runs(*seeds("lstm", 20, *accuracies), samples=samples), tries)


def test_a_kind_counts_failures_as_not_solved_and_leaves_them_out_of_the_mean() -> None:
    made = kind(1.0, 0.5, None, 0.98)
    assert made.solved == 0.5
    assert made.accuracy == pytest.approx((1.0 + 0.5 + 0.98) / 3)
    assert made.enough
    assert not kind(1.0, None, None).enough
    assert kind(1.0, 0.5).enough
    assert not kind(None, None).guesses()
    assert kind(0.125, None).guesses()


def test_a_kind_guesses_where_it_is_not_above_the_mean_of_its_chances() -> None:
    made = kind(0.26, 0.26, samples=100_000)
    assert Kind(made.runs.assign(chance=[0.1, 0.43])).guesses()
    assert not Kind(made.runs.assign(chance=[0.1, 0.3])).guesses()


def own_luck(one: list[float], two: list[float], samples: int, tries: int) -> float:
    """By how much means may differ: three pooled standard errors of the runs, or those of the samples."""
    tail = 0.00135 / tries
    spread = sum(np.sum((np.array(each) - np.mean(each)) ** 2) for each in (one, two)) / (len(one) + len(two) - 2)
    from_runs = stats.norm.isf(tail) * np.sqrt(spread * (1 / len(one) + 1 / len(two)))
    errors = [np.sqrt(sum(a * (1 - a) / (samples - 1) for a in each)) / len(each) for each in (one, two)]
    freedom = min(len(each) * (samples - 1) for each in (one, two))
    return float(max(from_runs, stats.t.isf(tail, freedom) * np.hypot(*errors)))


@pytest.mark.parametrize("tries", [1, 3])
@pytest.mark.parametrize(
    ("one", "two", "samples"),
    [
        ([0.9, 0.91], [0.5, 0.52], 20),  # the samples say less than the runs
        ([0.9, 0.91], [0.5, 0.52, 0.51, 0.5], 8),  # of the one kind still less than of the other
        ([0.9, 0.7, 0.8], [0.3, 0.5], 5000),  # the runs say less than the samples
        ([0.9, 0.7], [0.3, 0.5, 0.1, 0.2], 5000),
    ],
)
def test_one_kind_beats_another_by_more_than_luck_and_not_by_less(
    one: list[float], two: list[float], samples: int, tries: int
) -> None:
    difference, luck = np.mean(one) - np.mean(two), own_luck(one, two, samples, tries)
    better, worse = kind(*one, tries=tries, samples=samples), kind(*two, samples=samples)
    assert better.beats(worse, by=difference - 1.01 * luck)
    assert not better.beats(worse, by=difference - 0.99 * luck)
    assert not worse.beats(better)
    assert Kind(better.runs).beats(worse, by=difference - 1.01 * own_luck(one, two, samples, tries=1))


def test_kinds_are_chosen_by_queries_and_none_where_one_has_too_few_runs() -> None:
    made = runs(*seeds("lstm", 20, 1.0, 0.9), *seeds("rnn", 20, 0.5, None))
    named = made.assign(variant=["", "forget_bias 3", "", ""])
    (every,) = kinds(Tables({"runs": made}), "cell == 'lstm'") or []
    assert every.runs.accuracy.tolist() == [1.0, 0.9]
    assert kinds(Tables({"runs": made}), "cell == 'lstm'", "cell == 'rnn'") is None
    assert kinds(Tables({"runs": named}), "who == 'lstm, forget_bias 3'") is None  # one run
    pair = kinds(Tables({"runs": made}), "cell == 'lstm'", "seq_len == 20")
    assert pair is not None
    assert [len(each.runs) for each in pair] == [2, 4]


def test_the_error_of_a_mean_comes_from_its_seeds_and_equal_samples_count_once() -> None:
    made = runs(("lstm", 20, 0, 0.5), ("lstm", 20, 0, 0.7), ("lstm", 20, 1, 0.9))
    made = made.assign(accuracy_se=[0.1, 0.3, 0.06], eval_samples=[10, 20, 30])
    found = accuracies(made, ["cell"]).loc["lstm"]
    assert found.accuracy == pytest.approx(0.7)
    # Two of three runs are of seed 0, with a mean error of 0.2 on the same samples.
    assert found.accuracy_se == pytest.approx(np.hypot(2 / 3 * 0.2, 1 / 3 * 0.06))
    assert found.freedom == 19 + 29


def test_a_group_may_have_one_seed_or_no_name_and_no_error_where_none_is_known() -> None:
    made = runs(("lstm", 20, 0, 0.5), ("rnn", 20, 0, 0.7), ("rnn", 20, 1, 0.9))
    made = made.assign(accuracy_se=[0.1, 0.3, 0.4], eval_samples=11, group=[np.nan, "a", "a"])
    found = accuracies(made, ["group"])
    assert found.accuracy_se.tolist() == pytest.approx([np.hypot(0.15, 0.2), 0.1])
    assert found.accuracy.tolist() == pytest.approx([0.8, 0.5])
    assert found.freedom.tolist() == [20, 10]
    assert np.isnan(accuracies(made.assign(accuracy_se=np.nan), ["group"]).accuracy_se).all()


def test_below_guessing_is_what_lies_as_far_below_as_above_is_no_luck() -> None:
    made = pd.DataFrame({"accuracy": [0.125, 0.096, 0.094], "accuracy_se": 0.01, "freedom": np.inf})
    assert below(made, pd.Series([0.125] * 3)).tolist() == [False, False, True]
    sure = made.assign(accuracy_se=0.0)
    assert below(sure, pd.Series([0.125, 0.096, 0.1])).tolist() == [False, False, True]
    assert not_above(sure, pd.Series([0.125, 0.096, 0.09])).tolist() == [True, True, False]


def test_three_standard_errors_are_allowed_and_more_where_they_are_known_badly() -> None:
    assert threshold(np.inf) == pytest.approx(stats.norm.isf(0.00135), rel=1e-6)
    numbers = threshold(pd.Series([4, 9], dtype=object))
    assert numbers.tolist() == pytest.approx([stats.t.isf(0.00135, freedom) for freedom in (4, 9)], rel=1e-6)
    assert threshold(4, tries=5) == pytest.approx(stats.t.isf(0.00135 / 5, 4), rel=1e-6)
    above = pd.DataFrame({"accuracy": [0.125, 0.154, 0.156], "accuracy_se": 0.01, "freedom": np.inf})
    assert not_above(above, pd.Series([0.125] * 3)).tolist() == [True, True, False]


def test_an_accuracy_is_surely_higher_by_more_than_three_joint_errors_of_the_less_sure_one() -> None:
    other = pd.Series({"accuracy": 0.4, "accuracy_se": 0.03, "freedom": 9.0})
    least = stats.t.ppf(1 - 0.00135, 9) * 0.05  # 3, 4, 5: the errors of both
    found = pd.DataFrame({"accuracy": 0.4 + least * np.array([1.001, 0.999, -2]), "accuracy_se": 0.04, "freedom": 50.0})
    assert list(surely_higher(found, other)) == [True, False, False]
    certain = other.replace({0.03: 0.0})
    assert not surely_higher(certain, certain)
    assert surely_higher(pd.Series({**certain, "accuracy": 0.4 + 1e-9}), certain)


@pytest.mark.parametrize(
    ("short", "long", "holds"),
    [
        ((1.0, 1.0), (0.5, 0.13), True),
        ((1.0, 0.94), (0.12, 0.13), False),
        ((1.0, None, 1.0), (0.12, 0.13), False),
        ((1.0, 1.0), (0.12, 0.96), False),
        ((1.0, 1.0), (0.12, 0.13, None), True),
        ((0.96, 0.96), (0.94, 0.94), False),  # a difference that luck may bring about
        ((0.12, 0.13), (0.12, 0.13), False),
        ((1.0, None), (0.12, 0.13), None),
        ((1.0, 1.0), (0.12,), None),
    ],
)
def test_a_task_is_learned_from_short_sequences_alone(
    short: tuple[Any, ...], long: tuple[Any, ...], holds: bool | None
) -> None:
    others = [*seeds("lstm", 20, 0.2, 0.2), *seeds("rnn", 2, 0.1, 0.1)]  # a length between, and a cell not claimed of
    made = runs(*seeds("lstm", 5, *short), *seeds("lstm", 80, *long), *others)
    verdict = solves_only_short(Tables({"runs": made}), "cell == 'lstm'")
    assert (verdict and verdict.holds) is holds


def test_the_sentence_tells_of_the_shortest_and_the_longest_length() -> None:
    made = runs(*seeds("lstm", 5, 1.0, 1.0), *seeds("rnn", 5, 1.0, 1.0), *seeds("rnn", 80, 0.25, 0.35))
    verdict = solves_only_short(Tables({"runs": made}), "cell in ['lstm', 'rnn']")
    assert verdict is not None
    assert verdict.numbers == (
        "At 5 steps, right on average: lstm, rnn (4 runs) 100 %. Guessing gives 12.5 %. "
        "At 80 steps, right on average: rnn (2 runs) 30 %. Guessing gives 12.5 %."
    )
    assert solves_only_short(Tables({"runs": made[made.seq_len == 5]}), "cell == 'lstm'") is None
