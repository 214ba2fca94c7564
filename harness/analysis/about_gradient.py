"""Sentences about the gradient: the factor per step before and after training, and whether it tells who learns."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

from harness.analysis.ranks import rank_correlation
from harness.analysis.words import MOST_LISTED, counted_runs, factor, in_words, listed, percent, spread, together
from harness.base.language import gettext as _
from harness.tables.varied import as_typed

if TYPE_CHECKING:
    import pandas as pd

MIN_RUNS_FOR_CORRELATION = 8

SIGNIFICANT = 0.01
"""A rank correlation with a larger p value is not said to be one, nor one whose 99 % interval holds 0."""


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
        least = known.iloc[0]
        said = [
            _(
                "Before training, at {steps} steps, each step back multiplies the gradient of {cell} by {factors}."
            ).format(steps=least.seq_len, cell=cell, factors=listed(f"{factor(rate):.3g}" for rate in shown.rate_init))
        ]
        if len(shown) < len(known):
            some = _("These are {count} of {all} weight scales, in this order: {scales}.")
            said.append(some.format(count=len(shown), all=len(known), scales=listed(shown.weight_scale)))
        elif len(shown) > 1:
            said.append(_("The weight scales are {scales}, in this order.").format(scales=listed(shown.weight_scale)))
        elif scales:
            said.append(
                _("That is at weight scale {scale}; at others, no single factor describes the way.").format(
                    scale=as_typed(least.weight_scale)
                )
            )
        where = _(" (weight scale {scales})").format(scales=as_typed(least.weight_scale)) if scales else ""
        yield together([*said, _at_the_cue(least.ratio_init, where)])


def _at_the_cue(ratio: float, where: str) -> str:
    """How much of the gradient at the answer reaches the cue, in words that also fit the extremes.

    Args:
        where: what is put behind, or empty.
    """
    if np.isnan(ratio):
        pattern = _("How much of it reaches the cue is undefined{where}.")
    elif ratio == 0:
        pattern = _("Nothing of it reaches the cue{where}.")
    elif np.isposinf(ratio):
        pattern = _("At the cue it is infinitely many times that at the answer{where}.")
    elif ratio >= 1:
        pattern = _("At the cue it is {number} times that at the answer{where}.")
    else:
        pattern = _("At the cue, {number} of it is left{where}.")
    return pattern.format(number=f"{ratio:.2g}", where=where)


def after_training(groups: pd.DataFrame) -> Iterator[str]:
    """The factors at the end of the training at the longest length, as a range over the weight scales that have one."""
    able = groups[~groups.memoryless]
    longest = able[able.seq_len == able.seq_len.max()]
    known = longest[np.isfinite(longest.rate)]
    ranges = []
    for cell, rows in known.groupby("who", sort=False):
        low, high = (f"{factor(rate):.3g}" for rate in (rows.rate.min(), rows.rate.max()))
        pattern = _("{low} for {cell}") if low == high else _("{low} to {high} for {cell}")
        some = len(rows) < (longest.who == cell).sum()
        where = _(" (weight scale {scales})").format(scales=listed(rows.weight_scale)) if some else ""
        ranges.append(pattern.format(cell=cell, low=low, high=high) + where)
    if ranges:
        scales = known.weight_scale.nunique()
        over = _(" ({count} weight scales)").format(count=scales) if scales > 1 else ""
        yield _("After training, at {steps} steps, the factor per step is {factors}{over}.").format(
            steps=known.seq_len.iloc[0], factors=listed(ranges), over=over
        )


def without_factor(runs: pd.DataFrame, trained: bool) -> Iterator[str]:
    """What the gradient does on its way back where no line describes it, at the longest length.

    Args:
        runs: of cells with memory, with the column ``who``.
        trained: whether after the training, or before it.
    """
    ending = "" if trained else "_init"
    pattern = (
        _("After training, at {steps} steps, no single factor describes the gradient of {cell} on its way back.")
        if trained
        else _("Before training, at {steps} steps, no single factor describes the gradient of {cell} on its way back.")
    )
    longest = runs[runs.seq_len == runs.seq_len.max()]
    for cell, own in longest.groupby("who", sort=False):
        shapes = own[f"shape{ending}"][own[f"verdict{ending}"] == "undefined"].dropna().value_counts()
        if len(shapes):
            of = _("“{shape}” in {count} of {runs}")
            runs_of_cell = counted_runs(len(own))
            said = [
                of.format(shape=in_words(str(shape)), count=count, runs=runs_of_cell) for shape, count in shapes.items()
            ]
            yield together(
                [
                    pattern.format(steps=longest.seq_len.iloc[0], cell=cell),
                    _("Its shape is {shapes}.").format(shapes=listed(said)),
                ]
            )


def correlation(runs: pd.DataFrame) -> Iterator[str]:
    """Whether the gradient before training goes with what is learned; only of runs that have trained."""
    known = runs[(runs.steps.astype(float) > 0) & runs.grad_ratio_init.notna() & runs.accuracy.notna()]
    found = rank_correlation(known, "grad_ratio_init", "accuracy") if len(known) >= MIN_RUNS_FOR_CORRELATION else None
    if found is None:
        return
    unclear = found.low <= 0 <= found.high
    if unclear or found.p > SIGNIFICANT:
        said = _(
            "More gradient at the cue before training goes neither with higher nor with lower accuracy for certain."
        )
    elif found.rho > 0:
        said = _("More gradient at the cue before training goes with higher accuracy after it.")
    else:
        said = _("More gradient at the cue before training goes with lower accuracy after it.")
    if unclear or found.p <= SIGNIFICANT:  # the number that decides, so that no other one seems to contradict it
        sure = _("The rank correlation is {rho}, with a 99 % interval from {low} to {high}.")
    else:
        sure = _("The rank correlation is {rho}; chance alone gives as much in {share} of cases.")
    numbers = {"rho": f"{found.rho:.2f}", "low": f"{found.low:.2f}", "high": f"{found.high:.2f}"}
    several = known.seq_len.nunique() > 1
    runs_compared = (
        _("Compared are {runs} of cells with memory, each with others of its length.")
        if several
        else _("Compared are {runs} of cells with memory.")
    )
    yield together(
        [
            said,
            sure.format(**numbers, share=percent(found.p)),
            runs_compared.format(runs=counted_runs(len(known))),
        ]
    )
