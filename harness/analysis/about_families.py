"""Sentences about many cells at once: how many solve the task, in which families, and what their gradients do."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

from harness.analysis.families import families, family_of
from harness.analysis.words import counted_runs, factor, listed, together
from harness.base.language import gettext as _
from harness.tables.varied import as_typed

if TYPE_CHECKING:
    import pandas as pd


def how_many_solve(groups: pd.DataFrame, every: str) -> Iterator[str]:
    """How many cells with memory solve the task at each length, and how many of each family at the longest.

    Args:
        every: where "all runs" solve it: ``in every run``.
    """
    able = groups[~groups.memoryless]
    if not len(able):
        return
    solving = {length: _solving(able, length) for length in sorted(able.seq_len.unique())}
    at = _("{count} at {steps} steps")
    counts = listed(at.format(count=len(cells), steps=length) for length, cells in solving.items())
    number = _("Of {cells} cells with memory, so many solve the task {every} of one weight scale: {counts}.")
    yield number.format(cells=able.who.nunique(), every=every, counts=counts)
    longest = max(solving)
    shares = {
        family: (sum(who in solving[longest] for who in members), len(members))
        for family, members in families(able).items()
    }
    if len(shares) > 1:
        best_first = sorted(shares, key=lambda family: -shares[family][0] / shares[family][1])
        own = _("{family} {count} of {cells}")
        said = _("; ").join(
            own.format(family=each, count=shares[each][0], cells=shares[each][1]) for each in best_first
        )
        yield _("By family, at {steps} steps: {counts}.").format(steps=longest, counts=said)


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
    patterns = {
        "vanishing": _("vanishes in {count}"),
        "stable": _("is stable in {count}"),
        "exploding": _("explodes in {count}"),
    }
    said = [words.format(count=counts[verdict]) for verdict, words in patterns.items() if verdict in counts]
    rest = len(known) - sum(counts.get(verdict, 0) for verdict in patterns)
    if rest:
        said.append(_("has no single factor in {count}").format(count=rest))
    yield together(
        [
            _("Before training, the gradient on its way back {verdicts}.").format(verdicts=listed(said)),
            _("These are {runs}, at {steps} steps.").format(runs=counted_runs(len(known)), steps=steps),
        ]
    )


def extremes_before_training(groups: pd.DataFrame) -> Iterator[str]:
    """The smallest and the largest factor per step before training, at the longest length."""
    able = groups[~groups.memoryless]
    known = able[(able.seq_len == able.seq_len.max()) & np.isfinite(able.rate_init)].sort_values("rate_init")
    if known.who.nunique() > 1:
        patterns = (
            _("The smallest factor per step back is {factor} ({cell}, weight scale {scale})."),
            _("The largest is {factor} ({cell}, weight scale {scale})."),
        )
        yield together(
            pattern.format(factor=f"{factor(row.rate_init):.3g}", cell=row.who, scale=as_typed(row.weight_scale))
            for pattern, row in zip(patterns, known.iloc[[0, -1]].itertuples(), strict=True)
        )


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
