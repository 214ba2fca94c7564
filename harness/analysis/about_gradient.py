"""Sentences about the gradient: the factor per step before and after training, and whether it tells who learns."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

from harness.analysis.ranks import rank_correlation
from harness.analysis.words import MOST_LISTED, amount, factor, listed, spread
from harness.tables.varied import as_typed

if TYPE_CHECKING:
    import pandas as pd

MIN_RUNS_FOR_CORRELATION = 8

SIGNIFICANT = 0.01
"""A rank correlation with a larger p value is not said to be one."""

SMALLEST_P = 0.001
"""What is smaller is not told apart: so many permutations are drawn."""


def before_training(groups: pd.DataFrame) -> Iterator[str]:
    """The factors before the training at the longest length, and what reaches the cue."""
    able = groups[~groups.memoryless]
    longest = able[able.seq_len == able.seq_len.max()]
    scales = able.weight_scale.nunique() > 1
    for cell, rows in longest.groupby("who", sort=False):
        known = rows[np.isfinite(rows.rate_init)].sort_values("weight_scale")
        if not len(known):
            continue
        shown = known[known.weight_scale.isin(spread(known.weight_scale, MOST_LISTED))]
        factors = [
            f"{factor(row.rate_init):.3g}" + (f" at weight scale {as_typed(row.weight_scale)}" if scales else "")
            for row in shown.itertuples()
        ]
        some = f" ({len(shown)} of {len(known)} weight scales)" if len(shown) < len(known) else ""
        least = known.iloc[0]
        yield (
            f"Before training ({least.seq_len} steps), each step back multiplies the gradient of {cell} by"
            f" {listed(factors)}{some}; {f'at weight scale {as_typed(least.weight_scale)} ' if scales else ''}the cue"
            f" receives {amount(least.ratio_init)}{'' if least.ratio_init >= 1 else ' of'} what the step of the answer"
            " receives."
        )


def after_training(groups: pd.DataFrame) -> Iterator[str]:
    """The factors at the end of the training at the longest length, as a range over the weight scales."""
    able = groups[~groups.memoryless]
    known = able[(able.seq_len == able.seq_len.max()) & np.isfinite(able.rate)]
    ranges = []
    for cell, rows in known.groupby("who", sort=False):
        low, high = (f"{factor(rate):.3g}" for rate in (rows.rate.min(), rows.rate.max()))
        ranges.append(f"{cell}: {low}" if low == high else f"{cell}: {low} to {high}")
    if ranges:
        scales = known.weight_scale.nunique()
        over = f", over {scales} weight scales" if scales > 1 else ""
        yield f"After training, the factor per step is ({known.seq_len.iloc[0]} steps{over}) {'; '.join(ranges)}."


def without_factor(runs: pd.DataFrame, ending: str, when: str) -> Iterator[str]:
    """What the gradient does on its way back where no line describes it, at the longest length.

    Args:
        runs: of cells with memory, with the column ``who``.
        ending: of the columns in question: ``_init``, or none after the training.
        when: ``Before training``.
    """
    longest = runs[runs.seq_len == runs.seq_len.max()]
    for cell, own in longest.groupby("who", sort=False):
        shapes = own[f"shape{ending}"][own[f"verdict{ending}"] == "undefined"].dropna().value_counts()
        if len(shapes):
            said = [f"“{shape}” in {count} of {len(own)} runs" for shape, count in shapes.items()]
            steps = longest.seq_len.iloc[0]
            yield (
                f"{when} ({steps} steps) no single factor describes the gradient of {cell} on its way back; its shape"
                f" is {listed(said)}."
            )


def correlation(runs: pd.DataFrame) -> Iterator[str]:
    """Whether the gradient before training goes with what is learned; only of runs that have trained."""
    known = runs[(runs.steps.astype(float) > 0) & runs.grad_ratio_init.notna() & runs.accuracy.notna()]
    found = rank_correlation(known, "grad_ratio_init", "accuracy") if len(known) >= MIN_RUNS_FOR_CORRELATION else None
    if found is None:
        return
    same = ", compared within each length," if known.seq_len.nunique() > 1 else ""
    if found.p > SIGNIFICANT:
        said = "does not go with accuracy after it beyond what chance brings about"
    else:
        said = f"goes with {'higher' if found.rho > 0 else 'lower'} accuracy after it"
    p = f"p = {found.p:.2g}" if found.p >= SMALLEST_P else f"p < {SMALLEST_P}"
    yield (
        f"Among the {len(known)} runs of cells with memory{same} more gradient at the cue before training {said} (rank"
        f" correlation {found.rho:.2f}, 95 % interval {found.low:.2f} to {found.high:.2f}, {p}; seeds of a setting are"
        " kept together)."
    )
