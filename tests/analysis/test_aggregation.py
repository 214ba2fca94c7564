"""Sentences and conditions of tables whose seeds disagree: what is a mean, a median, a share, and of which runs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest

from harness.analysis.conditions import by_condition, contrast, summary
from harness.analysis.ranks import rank_correlation
from harness.analysis.runs import finished, varied_options, versions
from harness.analysis.sentences import findings
from harness.analysis.words import factor, listed, percent, spread
from harness.tables.tables import Tables
from tests.helpers.made_tables import made_tables

Row = Callable[[pd.Series], Any]


def made(cells: tuple[str, ...] = ("rnn",), lengths: tuple[int, ...] = (20,), scales: tuple[float, ...] = (1.0,),
         seeds: tuple[int, ...] = (0, 1, 2), **columns: Row | object) -> pd.DataFrame:  # fmt: skip
    """Runs, columns of which are computed row by row; accuracy decides on ``solved`` and its error."""
    runs = made_tables(cells=cells, lengths=lengths, scales=scales, seeds=seeds, steps=(0, 10)).runs
    for name, value in columns.items():
        runs[name] = runs.apply(value, axis=1) if callable(value) else value
    if "accuracy" in columns:
        runs["accuracy_se"] = np.sqrt(runs.accuracy * (1 - runs.accuracy) / 511)
        if "solved" not in columns:
            runs["solved"] = (runs.accuracy >= 0.95).astype("boolean")
    return runs


def by_seed(*values: Any) -> Row:
    return lambda row: values[row.seed]


def said(runs: pd.DataFrame, words: str) -> str:
    (found,) = [each for each in findings(Tables({"runs": runs})) if words in each]
    return found


def unsaid(runs: pd.DataFrame, words: str) -> bool:
    return not any(words in each for each in findings(Tables({"runs": runs})))


def test_a_condition_has_means_of_accuracies_medians_of_gradients_and_the_share_that_solved() -> None:
    runs = made(
        accuracy=by_seed(0.2, 0.3, 0.97), chance=by_seed(0.1, 0.1, 0.4), decay_rate_init=by_seed(-0.1, -0.2, -0.9),
        decay_rate=by_seed(0.1, 0.3, 0.4), grad_ratio_init=by_seed(0.5, 0.1, 4.0),
        verdict_init="vanishing", verdict="exploding", eval_samples=by_seed(10, 20, 31),
    )  # fmt: skip
    (row,) = by_condition(runs).itertuples()
    assert (row.who, row.cell, row.seq_len, row.weight_scale, row.runs) == ("rnn", "rnn", 20, 1.0, 3)
    assert row.accuracy == pytest.approx((0.2 + 0.3 + 0.97) / 3)
    assert row.solved == pytest.approx(1 / 3)
    assert row.chance == pytest.approx(0.2)
    assert (row.rate_init, row.rate, row.ratio_init) == (-0.2, 0.3, 0.5)
    errors = [np.sqrt(a * (1 - a) / 511) for a in (0.2, 0.3, 0.97)]
    assert row.accuracy_se == pytest.approx(np.sqrt(np.sum(np.square(errors))) / 3)
    assert row.freedom == 9 + 19 + 30
    assert (row.memoryless, row.guessing) == (False, False)


def test_rates_count_where_a_line_describes_the_way_back() -> None:
    runs = made(
        decay_rate_init=by_seed(-0.1, -0.2, -0.9), verdict_init=by_seed("vanishing", "vanishing", "undefined"),
        decay_rate=by_seed(0.1, 0.3, 0.4), verdict=by_seed("undefined", "undefined", "exploding"),
    )  # fmt: skip
    (row,) = by_condition(runs).itertuples()
    assert (row.rate_init, row.rate) == (pytest.approx(-0.15), 0.4)


def test_a_cell_is_without_memory_where_all_its_runs_are() -> None:
    assert by_condition(made(has_memory=by_seed(False, False, False))).memoryless.tolist() == [True]
    assert by_condition(made(has_memory=by_seed(False, True, False))).memoryless.tolist() == [False]
    assert by_condition(made(has_memory=pd.array([None] * 3, dtype="boolean"))).memoryless.tolist() == [False]


def test_the_chance_level_that_a_cell_without_memory_stays_at_is_the_mean_over_its_settings() -> None:
    runs = made(cells=("feedforward",), lengths=(10, 20, 40), has_memory=False,
                accuracy=lambda row: {10: 0.1, 20: 0.2, 40: 0.6}[row.seq_len])  # fmt: skip
    assert said(runs.assign(chance=runs.accuracy), "has no memory") == (
        "feedforward has no memory and stays at the chance level: at most 60 % right. Guessing gives 30 %."
    )


def test_a_cell_without_a_factor_before_training_does_not_hide_those_after_it() -> None:
    runs = made(
        cells=("lstm", "rnn"), decay_rate_init=lambda row: np.nan if row.cell == "lstm" else np.log(0.9),
        verdict_init=lambda row: "undefined" if row.cell == "lstm" else "vanishing", grad_ratio_init=1.5,
    )  # fmt: skip
    assert said(runs, "Before training, at 20 steps, each step back") == (
        "Before training, at 20 steps, each step back multiplies the gradient of rnn by 0.9. At the cue it is 1.5 "
        "times that at the answer."
    )


def test_every_run_means_every_run() -> None:
    all_but_one = made(accuracy=by_seed(1.0, 1.0, 0.9))
    assert said(all_but_one, "rnn solves") == (
        "rnn solves the task in some runs, at 20 steps at most. In no setting does rnn solve it in every run."
    )
    assert said(made(accuracy=1.0), "rnn solves") == "rnn solves the task in every run at 20 steps."


def test_how_far_a_cell_gets_is_the_longest_length_that_all_its_runs_solve() -> None:
    def accuracy(row: pd.Series) -> float:
        return 1.0 if row.seq_len <= 20 or (row.seq_len == 40 and row.seed > 0) else 0.2

    runs = made(lengths=(10, 20, 40, 80), accuracy=accuracy)
    assert said(runs, "rnn solves") == "rnn solves the task in every run at up to 20 steps."
    assert said(made(lengths=(10, 20), accuracy=1.0), "rnn solves") == (
        "rnn solves the task in every run at up to 20 steps. That is the longest length that was tried."
    )
    some = made(lengths=(10, 20, 40), accuracy=lambda row: float(row.seq_len < 40 and row.seed == 1))
    assert "in some runs, at 20 steps at most" in said(some, "rnn solves")


def test_the_best_setting_of_a_cell_that_never_solves_its_task_is_its_best_mean() -> None:
    runs = made(scales=(0.9, 1.0), accuracy=lambda row: {0.9: 0.4, 1.0: (0.1, 0.2, 0.6)[row.seed]}[row.weight_scale])
    assert said(runs, "rnn solves") == "rnn solves the task in none of its runs. Its best setting answers 40 % right."


def test_several_shorter_lengths_that_are_missed_are_listed_at_the_scales_that_solve_the_longest() -> None:
    def accuracy(row: pd.Series) -> float:
        return float(row.seq_len == 40 and row.weight_scale == 1.0)

    runs = made(lengths=(10, 20, 40), scales=(0.9, 1.0), accuracy=accuracy)
    assert said(runs, "rnn solves") == (
        "rnn solves the task in every run at 40 steps (weight scale 1). That is the longest length that was tried. "
        "It does not at 10 steps with weight scale 1 and 20 steps with weight scale 1."
    )


def contrasting(**accuracies: dict[str, float]) -> pd.DataFrame:
    """Runs by length and cell, ``s20={"lstm": 1.0}``; or by cell and scale, ``rnn@0.9``."""
    cells = tuple(dict.fromkeys(name.split("@")[0] for each in accuracies.values() for name in each))
    scales = tuple(
        dict.fromkeys(float(name.split("@")[1]) for each in accuracies.values() for name in each if "@" in name)
    )
    lengths = tuple(int(name[1:]) for name in accuracies)

    def accuracy(row: pd.Series) -> float:
        here = accuracies[f"s{row.seq_len}"]
        return here.get(row.cell, here.get(f"{row.cell}@{row.weight_scale:g}", 0.5))

    return made(cells=cells, lengths=lengths, scales=scales or (1.0,), accuracy=accuracy)


def pair(runs: pd.DataFrame) -> tuple[str, float, str, float, int] | None:
    found = contrast(by_condition(runs))
    if found is None:
        return None
    winner, loser = found
    assert winner.seq_len == loser.seq_len
    return winner.who, winner.weight_scale, loser.who, loser.weight_scale, winner.seq_len


def test_the_contrast_is_the_longest_length_at_which_one_solves_and_another_guesses() -> None:
    runs = contrasting(
        s10={"lstm": 1.0, "rnn": 0.12}, s20={"lstm": 1.0, "rnn": 0.12}, s40={"lstm": 0.9, "rnn": 0.12},
        s80={"lstm": 1.0, "rnn": 0.3},
    )  # fmt: skip
    assert pair(runs) == ("lstm", 1.0, "rnn", 1.0, 20)


def test_a_plain_rnn_of_the_smallest_scale_is_the_loser_where_there_is_a_choice() -> None:
    runs = contrasting(s20={"gru": 0.12, "lstm": 1.0, "rnn@0.8": 0.3, "rnn@0.9": 0.125, "rnn@1.1": 0.1})
    assert pair(runs) == ("lstm", 0.8, "rnn", 0.9, 20)
    runs = contrasting(s20={"gru": 0.12, "lstm": 1.0, "rnn": 0.3})
    assert pair(runs) == ("lstm", 1.0, "gru", 1.0, 20)


def test_the_winner_is_the_most_accurate_of_those_that_solve_the_task_in_every_run() -> None:
    runs = contrasting(s20={"gru": 0.97, "lstm": 0.99, "linear": 0.96, "rnn": 0.12})
    assert pair(runs) == ("lstm", 1.0, "rnn", 1.0, 20)
    runs.loc[(runs.cell == "lstm") & (runs.seed == 0), "solved"] = False
    assert pair(runs) == ("gru", 1.0, "rnn", 1.0, 20)


def test_one_cell_is_no_contrast_to_itself_and_a_guess_no_winner() -> None:
    assert pair(contrasting(s20={"rnn@0.9": 0.12, "rnn@1.1": 1.0})) is None
    runs = contrasting(s20={"lstm": 0.12, "rnn": 0.12})
    assert pair(runs.assign(solved=True)) is None
    few = contrasting(s20={"lstm": 0.96, "rnn": 0.12}).assign(eval_samples=2)
    few["accuracy_se"] = np.where(few.cell == "rnn", 0.3, 0.01)
    assert pair(few) is None  # a guess of two samples may be anything


def test_the_baseline_is_told_by_its_best_setting_and_stays_at_chance_where_all_do() -> None:
    def runs(*accuracies: float) -> pd.DataFrame:
        by_length = dict(zip((10, 20), accuracies, strict=True))
        return made(cells=("feedforward", "lstm"), lengths=(10, 20), accuracy=lambda row: by_length[row.seq_len])

    assert said(runs(0.11, 0.13), "no memory") == (
        "feedforward has no memory and stays at the chance level: at most 13 % right. Guessing gives 12.5 %."
    )
    assert said(runs(0.11, 0.4), "no memory") == (
        "feedforward has no memory, but answers up to 40 % right. Part of this task can be answered without memory. "
        "Guessing gives 12.5 %."
    )


def test_factors_before_training_are_those_of_the_longest_length_and_the_median_seed() -> None:
    def rate(row: pd.Series) -> float:
        return float(np.log(0.5 if row.seq_len == 10 else (0.8, 0.9, 0.97)[row.seed]))

    runs = made(
        lengths=(10, 40), decay_rate_init=rate, verdict_init="vanishing", grad_ratio_init=by_seed(0.25, 0.01, 0.5)
    )
    assert said(runs, "gradient of rnn") == (
        "Before training, at 40 steps, each step back multiplies the gradient of rnn by 0.9. At the cue, 0.25 of it is "
        "left."
    )
    runs = runs.assign(grad_ratio_init=2.0)
    assert said(runs, "gradient of rnn").endswith("At the cue it is 2 times that at the answer.")


def test_factors_after_training_are_given_as_a_range_over_the_scales() -> None:
    def rate(row: pd.Series) -> float:
        return float(np.log(row.weight_scale / 2 * (1, 1, 9)[row.seed]))

    runs = made(scales=(0.9, 1.0, 1.1), lengths=(10, 40), decay_rate=rate, verdict="vanishing")
    assert said(runs, "After training") == (
        "After training, at 40 steps, the factor per step is 0.45 to 0.55 for rnn (3 weight scales)."
    )
    one = made(decay_rate=by_seed(-0.1, -0.2, -0.3), verdict="vanishing")
    assert said(one, "After training") == (
        f"After training, at 20 steps, the factor per step is {np.exp(-0.2):.3g} for rnn."
    )
    assert unsaid(one.assign(steps=0), "After training")
    assert not unsaid(one.assign(steps=[0, 0, 1]), "After training")


def test_factors_after_training_name_the_scales_where_others_have_none() -> None:
    runs = made(scales=(0.9, 1.0, 1.1), decay_rate=lambda row: float(np.log(row.weight_scale / 2)))
    runs = runs.assign(verdict=np.where(runs.weight_scale == 0.9, "vanishing", "undefined"))
    assert said(runs, "the factor per step is") == (
        "After training, at 20 steps, the factor per step is 0.45 for rnn (weight scale 0.9)."
    )


def test_of_many_scales_some_are_given_from_the_smallest_to_the_largest() -> None:
    scales = tuple(np.round(np.arange(0.1, 1.05, 0.1), 1))
    runs = made(scales=scales, decay_rate_init=lambda row: float(np.log(row.weight_scale)), verdict_init="vanishing")
    found = said(runs, "gradient of rnn")
    assert "by 0.1, 0.3, 0.5, 0.6, 0.8 and 1. These are 6 of 10 weight scales, in this order: 0.1, 0.3, " in found
    assert found.endswith(" and 1. At the cue, 1e-17 of it is left (weight scale 0.1).")


def test_trouble_is_counted_run_by_run() -> None:
    runs = made(scales=(0.9, 1.0), accuracy=0.5)
    runs["status"] = ["ok", "diverged", "diverged", "failed", "failed", "ok"]
    runs["diverged_at"] = pd.array([None, 9, 4, None, None, None], dtype="Int64")
    runs["reason"] = [None, None, None, "ValueError: no oven.", "ValueError: no oven", None]
    assert said(runs, "diverged") == "2 of 6 runs diverged, at training steps 4 to 9: rnn at weight scale 0.9."
    assert said(runs, "failed") == "2 of 6 runs failed: ValueError: no oven and ValueError: no oven."
    assert "in every run that did not fail" in said(runs.assign(accuracy=1.0, solved=True), "rnn solves")


def test_only_runs_that_had_solved_their_task_can_have_lost_it() -> None:
    runs = made(scales=(0.9, 1.0), accuracy=by_seed(0.5, 1.0, 0.5))
    runs["solved_step"] = pd.array([3, 3, None, None, 3, None], dtype="Int64")
    runs.loc[5, "solved"] = pd.NA
    assert said(runs, "had lost it").startswith("1 of 6 runs solved")
    assert said(runs, "had lost it").endswith(": rnn at weight scale 0.9.")


def test_a_correlation_needs_eight_trained_runs_with_memory_that_have_both_numbers() -> None:
    def runs(count: int, **changes: Any) -> pd.DataFrame:
        scales = tuple(np.linspace(0.5, 1.5, count).round(3))
        own = {"grad_ratio_init": lambda row: row.weight_scale, "accuracy": lambda row: row.weight_scale / 2}
        return made(scales=scales, seeds=(0,), **{**own, **changes})

    assert unsaid(runs(7), "rank correlation")
    assert "Compared are 8 runs of cells with memory." in said(runs(8), "rank correlation")
    eight = runs(8)
    eight.loc[0, "accuracy"] = np.nan
    assert unsaid(eight, "rank correlation")
    assert unsaid(runs(8, grad_ratio_init=lambda row: np.nan if row.weight_scale == 0.5 else 1.0), "rank correlation")
    assert unsaid(runs(8, steps=lambda row: int(row.weight_scale > 0.5)), "rank correlation")
    assert unsaid(runs(8, has_memory=False), "rank correlation")
    down = said(runs(9, accuracy=lambda row: 1 - row.weight_scale / 2), "rank correlation")
    assert "goes with lower accuracy after it. The rank correlation is -1.00, with a 99 % interval from -1.00" in down


def test_ranks_are_taken_within_each_length_of_the_means_over_seeds() -> None:
    rng = np.random.default_rng(3)
    rows = [
        {"cell": "rnn", "weight_scale": scale, "seq_len": length, "seed": seed, "variant": ""}
        for scale in range(6) for length in (10, 20) for seed in (0, 1)
    ]  # fmt: skip
    runs = pd.DataFrame(rows)
    runs["one"], runs["other"] = rng.random(len(runs)), rng.random(len(runs)) + runs.seq_len
    found = rank_correlation(runs, "one", "other")
    assert found is not None
    means = runs.groupby(["weight_scale", "seq_len"])[["one", "other"]].mean()
    x, y = (means[name].unstack().rank().to_numpy() - 3.5 for name in ("one", "other"))
    assert found.rho == pytest.approx((x * y).sum() / np.sqrt((x**2).sum() * (y**2).sum()))
    assert found.low < found.rho < found.high
    assert 0.05 < found.p <= 1
    assert rank_correlation(runs[runs.weight_scale < 4], "one", "other") is None
    assert rank_correlation(runs.assign(one=1.0), "one", "other") is None
    assert rank_correlation(runs.assign(other=runs.seq_len), "one", "other") is None


def test_five_settings_that_agree_have_the_p_value_of_all_their_orders() -> None:
    runs = pd.DataFrame(
        {"cell": "rnn", "variant": "", "weight_scale": range(5), "seq_len": 10, "one": range(5), "other": range(5)}
    )
    found = rank_correlation(runs, "one", "other")
    assert found is not None
    assert (found.rho, found.high) == (pytest.approx(1), pytest.approx(1))
    assert found.p == pytest.approx(2 / 120)  # of 120 orders this one and its reverse are as extreme


def test_runs_that_failed_have_no_outcome_and_variants_have_names() -> None:
    runs = made(status=by_seed("ok", "failed", "diverged"), variant=by_seed("", "bias 1", "bias 3"))
    assert finished(runs).who.tolist() == ["rnn", "rnn, bias 3"]


def test_versions_come_from_the_tasks_options_and_from_what_differs_within_a_condition() -> None:
    runs = made(cells=("rnn", "lstm"))
    runs["experiment.form"] = np.where(runs.seed == 0, "a", "b")
    assert varied_options(runs) == ["experiment.form"]
    assert [(name, len(part)) for name, part in versions(runs)] == [("form=a", 2), ("form=b", 4)]
    both = pd.concat([runs, runs.assign(experiment="other", **{"experiment.form": "a"})])
    assert [name for name, _ in versions(both)] == ["recall_dish, form=a", "recall_dish, form=b", "other"]


def test_the_summary_has_a_column_per_scale_and_marks_what_is_not_above_chance() -> None:
    runs = made(
        cells=("lstm", "rnn"), scales=(0.9, 1.0),
        accuracy=lambda row: {"lstm": 0.9, "rnn": 0.12}[row.cell] + 0.03 * row.seed * (row.cell == "lstm"),
    )  # fmt: skip
    table = summary(runs[~((runs.cell == "lstm") & (runs.weight_scale == 1.0))])
    assert table.loc[("lstm", 20)].tolist() == ["93 %", ""]
    assert table.loc[("rnn", 20)].tolist() == ["~12 %", "~12 %"]


def test_numbers_in_words() -> None:
    assert [percent(share) for share in (0.9994, 0.9996, 0.0004, 0.0006, 0.4567)] == [
        "99.9 %", "more than 99.9 %", "less than 0.1 %", "0.1 %", "45.7 %",
    ]  # fmt: skip
    assert listed(range(6)) == "0, 1, 2, 3, 4 and 5"
    assert listed(range(7)) == "0, 1, 2, 3, 4 and 2 more"
    assert (listed([1.0]), listed(["a", "b"])) == ("1", "a and b")
    assert spread([3, 1, 2, 1], 3) == [1, 2, 3]
    assert spread(range(11), 3) == [0, 5, 10]
    assert (factor(0.0), factor(np.log(2)), factor(1e9), factor(-np.inf)) == (1.0, pytest.approx(2), np.inf, 0.0)
