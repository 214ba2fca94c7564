"""Conditions: all runs of one cell, length and weight scale, whatever their seed, and what they have in common."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from harness.analysis.runs import finished
from harness.analysis.words import percent

if TYPE_CHECKING:
    import pandas as pd

CONDITION = ["cell", "seq_len", "weight_scale"]
"""The columns that make up a condition; runs are averaged over everything else, the seed above all."""


def by_condition(runs: pd.DataFrame) -> pd.DataFrame:
    """One row per condition.

    Columns beside these: ``runs``, mean ``accuracy``, ``chance``, ``solved`` (share of runs), median
    ``rate_init``, ``rate`` (decay rates, of the runs in which a line describes the way back) and ``ratio_init``,
    ``memoryless`` (the cell passes no gradient back in any condition: recurrent weights that only start at zero are no
    lack of memory), ``guessing`` (not above chance).
    """
    rates = {name: runs[f"decay_{name}"].where(runs[name.replace("rate", "verdict")] != "undefined")
             for name in ("rate_init", "rate")}  # fmt: skip
    groups = runs.assign(solved=runs.solved.astype(float), **rates).groupby(CONDITION, sort=True, dropna=False)
    table = groups.agg(
        runs=("run_id", "size"),
        accuracy=("accuracy", "mean"),
        chance=("chance", "mean"),
        solved=("solved", "mean"),
        samples=("eval_samples", "sum"),
        rate_init=("rate_init", "median"),
        rate=("rate", "median"),
        ratio_init=("grad_ratio_init", "median"),
    ).reset_index()
    silent = np.isneginf(runs.decay_rate_init) & ~np.isfinite(runs.decay_rate)
    table["memoryless"] = table.cell.map(silent.groupby(runs.cell).all()).astype(bool)
    table["guessing"] = not_above_chance(table.accuracy, table.chance, table.samples)
    return table


def not_above_chance(accuracy: pd.Series, chance: pd.Series, samples: pd.Series) -> pd.Series:
    """Whether an accuracy is within three standard errors of chance, or below: guessing explains it."""
    error = np.sqrt(chance * (1 - chance) / samples.astype(float))
    return accuracy <= chance + 3 * error


def contrast(groups: pd.DataFrame) -> tuple[pd.Series, pd.Series] | None:
    """The longest length at which one condition solves the task in all its runs while another one guesses.

    Returns:
        The row that solves it and the row that guesses, of two different cells with memory; a plain rnn
        with the smallest weight scale where there is a choice. None where there is no such pair.
    """
    able = groups[~groups.memoryless]
    for seq_len in sorted(able.seq_len.unique(), reverse=True):
        here = able[able.seq_len == seq_len]
        losers = here[here.guessing]
        losers = losers.assign(other=losers.cell != "rnn").sort_values(["other", "weight_scale"], kind="stable")
        for _, loser in losers.iterrows():
            winners = here[(here.solved == 1) & (here.cell != loser.cell) & ~here.guessing]
            if len(winners):
                return winners.sort_values("accuracy", ascending=False, kind="stable").iloc[0], loser
    return None


def summary(runs: pd.DataFrame) -> pd.DataFrame:
    """Mean accuracy as text: a row per cell and length, a column per weight scale; ``~`` marks guessing."""
    groups = by_condition(finished(runs))
    mark = np.where(groups.guessing, "~", "")
    groups["text"] = [percent(value) for value in groups.accuracy]
    groups["text"] = mark + groups.text
    return groups.pivot(index=["cell", "seq_len"], columns="weight_scale", values="text").fillna("")
