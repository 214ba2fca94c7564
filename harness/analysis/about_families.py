"""Sentences about many cells at once: how many solve the task, in which families, and what their gradients do."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

from harness.analysis.families import families, family_of
from harness.analysis.words import factor, listed
from harness.tables.varied import as_typed

if TYPE_CHECKING:
    import pandas as pd

VERDICTS = {"vanishing": "vanishes", "stable": "is stable", "exploding": "explodes"}
"""Verdicts, and what a gradient does of which they are said."""


def how_many_solve(groups: pd.DataFrame, every: str) -> Iterator[str]:
    """How many cells with memory solve the task at each length, and how many of each family at the longest.

    Args:
        every: what "all runs" are called: ``every run``.
    """
    able = groups[~groups.memoryless]
    if not len(able):
        return
    solving = {length: _solving(able, length) for length in sorted(able.seq_len.unique())}
    counts = listed(f"{len(cells)} at {length} steps" for length, cells in solving.items())
    yield f"Of {able.who.nunique()} cells with memory, {counts} solve the task in {every} of a weight scale."
    longest = max(solving)
    shares = {
        family: (sum(who in solving[longest] for who in members), len(members))
        for family, members in families(able.assign(has_memory=True)).items()
    }
    if len(shares) > 1:
        best_first = sorted(shares, key=lambda family: -shares[family][0] / shares[family][1])
        said = "; ".join(f"{family} {shares[family][0]} of {shares[family][1]}" for family in best_first)
        yield f"By family, at {longest} steps: {said}."


def _solving(groups: pd.DataFrame, length: int) -> set[str]:
    """The cells that solve the task in all runs of some weight scale."""
    return set(groups[(groups.seq_len == length) & (groups.solved == 1)].who)


def verdicts_before_training(runs: pd.DataFrame) -> Iterator[str]:
    """In how many runs the gradient vanishes, is stable and explodes before training, at the longest length."""
    steps = runs.seq_len.max()
    known = runs[runs.seq_len == steps].verdict_init.dropna()
    if not len(known):
        return
    counts = known.value_counts()
    said = [f"{words} in {counts[verdict]}" for verdict, words in VERDICTS.items() if verdict in counts]
    rest = len(known) - sum(counts.get(verdict, 0) for verdict in VERDICTS)
    if rest:
        said.append(f"has no single factor in {rest}")
    yield f"Before training ({steps} steps, {len(known)} runs), the gradient on its way back {listed(said)}."


def extremes_before_training(groups: pd.DataFrame) -> Iterator[str]:
    """The smallest and the largest factor per step before training, at the longest length."""
    able = groups[~groups.memoryless]
    known = able[(able.seq_len == able.seq_len.max()) & np.isfinite(able.rate_init)].sort_values("rate_init")
    if known.who.nunique() > 1:
        low, high = (
            f"{factor(row.rate_init):.3g} ({row.who} at weight scale {as_typed(row.weight_scale)})"
            for _, row in known.iloc[[0, -1]].iterrows()
        )
        yield f"Each step back multiplies it by {low} to {high}, where one factor describes the way."


def family_table(groups: pd.DataFrame) -> list[tuple[str, int, dict[int, int], str, float]]:
    """For each family: its cells, by length how many solve the task, and the best at the longest, with its accuracy.

    Only cells with memory can solve it; those without are counted among the cells.
    """
    of = family_of(groups.assign(has_memory=~groups.memoryless))
    named = groups.assign(family=groups.who.map(of))
    lengths = sorted(groups.seq_len.unique())
    rows = []
    for family, own in named.groupby("family"):
        solved = {int(length): len(_solving(own[~own.memoryless], length)) for length in lengths}
        longest = own[own.seq_len == own.seq_len.max()].sort_values("accuracy", ascending=False, kind="stable")
        best = longest.iloc[0]
        rows.append((str(family), own.who.nunique(), solved, str(best.who), float(best.accuracy)))
    return rows
