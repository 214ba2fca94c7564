"""Conditions: all runs of one variant of a cell, one length and one weight scale, and what they have in common."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from harness.analysis.accuracy import accuracies, below, not_above, surely_higher
from harness.analysis.families import with_families
from harness.analysis.runs import CONDITION, finished, with_names
from harness.analysis.words import percent

if TYPE_CHECKING:
    import pandas as pd


def by_condition(runs: pd.DataFrame) -> pd.DataFrame:
    """One row per condition.

    Columns beside these: ``cell``, ``family``, ``runs``, mean ``accuracy``, its standard error ``accuracy_se`` and
    degrees of freedom ``freedom`` (see `harness.analysis.accuracy`), ``chance``, ``solved`` (share of runs), median
    ``rate_init``, ``rate`` (decay rates, of the runs in which a line describes the way back) and ``ratio_init``,
    ``memoryless`` (the cell has no memory), ``guessing`` (not above chance), ``below`` (below it).
    """
    rates = {
        name: runs[f"decay_{name}"].where(runs[name.replace("rate", "verdict")] != "undefined")
        for name in ("rate_init", "rate")
    }
    runs = with_families(with_names(runs.assign(**rates)))
    runs = runs.assign(solved=runs.solved.astype(float), memoryless=~runs.has_memory)
    # Not by one `agg` of all: that takes pandas as long again for finding out what is meant.
    groups = runs.groupby(CONDITION, sort=True, dropna=False)
    means, medians = groups[["chance", "solved"]].mean(), groups[["rate_init", "rate", "grad_ratio_init"]].median()
    table = groups[["cell", "family"]].first()
    table = table.assign(
        runs=groups.size(),
        chance=means.chance,
        solved=means.solved,
        rate_init=medians.rate_init,
        rate=medians.rate,
        ratio_init=medians.grad_ratio_init,
        memoryless=groups.memoryless.all(),
    )
    table = table.assign(**accuracies(runs, CONDITION)).reset_index()
    return table.assign(guessing=not_above(table, table.chance), below=below(table, table.chance))


def contrast(groups: pd.DataFrame) -> tuple[pd.Series, pd.Series] | None:
    """The longest length at which one condition solves the task in all its runs while another one guesses.

    Returns:
        The row that solves it and the row that guesses, of two different cells (or variants) with memory; the first
        in the order of figures, with the smallest weight scale, where there is a choice. None where there is no such
        pair.
    """
    able = groups[~groups.memoryless]
    for seq_len in sorted(able.seq_len.unique(), reverse=True):
        here = able[able.seq_len == seq_len]
        losers = here[here.guessing].sort_values(["family", "who", "weight_scale"])
        for _, loser in losers.iterrows():
            winners = here[(here.solved == 1) & (here.who != loser.who) & ~here.guessing]
            # Few samples cannot tell a guess from anything.
            winners = winners[surely_higher(winners, loser)]
            if len(winners):
                return winners.sort_values("accuracy", ascending=False, kind="stable").iloc[0], loser
    return None


def summary(runs: pd.DataFrame) -> pd.DataFrame:
    """Mean accuracy as text: a row per cell (variant) and length, a column per weight scale; ``~`` marks guessing."""
    groups = by_condition(finished(runs))
    mark = np.where(groups.guessing, "~", "")
    groups["text"] = [percent(value) for value in groups.accuracy]
    groups["text"] = mark + groups.text
    return groups.pivot(index=["who", "seq_len"], columns="weight_scale", values="text").fillna("")
