"""Sentences about the gradient: the factor per step before and after training, and whether it tells who learns."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

from harness.analysis.words import MOST_LISTED, amount, factor, listed, spread

if TYPE_CHECKING:
    import pandas as pd

MIN_RUNS_FOR_CORRELATION = 8


def before_training(groups: pd.DataFrame) -> Iterator[str]:
    """The factors before the training at the longest length, and what reaches the cue."""
    able = groups[~groups.memoryless]
    longest = able[able.seq_len == able.seq_len.max()]
    scales = able.weight_scale.nunique() > 1
    for cell, rows in longest.groupby("cell", sort=False):
        known = rows[np.isfinite(rows.rate_init)].sort_values("weight_scale")
        if not len(known):
            continue
        shown = known[known.weight_scale.isin(spread(known.weight_scale, MOST_LISTED))]
        factors = [
            f"{factor(row.rate_init):.3g}" + (f" at weight scale {row.weight_scale:g}" if scales else "")
            for row in shown.itertuples()
        ]
        some = f" ({len(shown)} of {len(known)} weight scales)" if len(shown) < len(known) else ""
        least = known.iloc[0]
        yield (
            f"Before training ({least.seq_len} steps), each step back multiplies the gradient of {cell} by"
            f" {listed(factors)}{some}; {f'at weight scale {least.weight_scale:g} ' if scales else ''}the cue"
            f" receives {amount(least.ratio_init)}{'' if least.ratio_init >= 1 else ' of'} what the step of the answer"
            " receives."
        )


def after_training(groups: pd.DataFrame) -> Iterator[str]:
    """The factors at the end of the training at the longest length, as a range over the weight scales."""
    able = groups[~groups.memoryless]
    known = able[(able.seq_len == able.seq_len.max()) & np.isfinite(able.rate)]
    ranges = []
    for cell, rows in known.groupby("cell", sort=False):
        low, high = (f"{factor(rate):.3g}" for rate in (rows.rate.min(), rows.rate.max()))
        ranges.append(f"{cell}: {low}" if low == high else f"{cell}: {low} to {high}")
    if ranges:
        scales = known.weight_scale.nunique()
        over = f", over {scales} weight scales" if scales > 1 else ""
        yield f"After training, the factor per step is ({known.seq_len.iloc[0]} steps{over}) {'; '.join(ranges)}."


def correlation(runs: pd.DataFrame) -> Iterator[str]:
    """Whether the gradient before training goes with what is learned, by ranks (Spearman) within each length."""
    known = runs[["seq_len", "grad_ratio_init", "accuracy"]].astype(float).dropna()
    # Longer is harder and leaves less gradient: runs of different lengths would go together for that reason alone.
    ranks = known.groupby("seq_len").rank(pct=True)
    if len(known) < MIN_RUNS_FOR_CORRELATION or (ranks.nunique() < 2).any():
        return
    rho = float(ranks.grad_ratio_init.corr(ranks.accuracy))
    strength = "hardly" if abs(rho) < 0.2 else "weakly" if abs(rho) < 0.5 else "clearly"
    which = "higher" if rho > 0 else "lower"
    same = ", and of the same length" if known.seq_len.nunique() > 1 else ""
    yield (
        f"Among the {len(known)} runs of cells with memory{same}, more gradient at the cue before training goes"
        f" {strength} with {which} accuracy after it (rank correlation {rho:.2f})."
    )
