"""What became of each cell, in a row: factors before training, accuracies, size, time, and its gradient profile."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from harness.analysis.conditions import by_condition
from harness.analysis.families import family_of
from harness.analysis.words import factor

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class CellRow:
    """One cell, or one variant of it.

    Attributes:
        factors: by weight scale what each step back multiplies the gradient by, before training, at the longest
            length; the median over the runs in which one factor describes the way, NaN where it does in none.
        right: by length the share of right answers after training, the mean over the runs of the best weight scale.
        parameters: trained weights at the longest length; None where no run says.
        seconds_per_step: the median over the runs at the longest length, of a run's share of its pack's time.
    """

    who: str
    family: str
    factors: dict[float, float]
    right: dict[int, float]
    parameters: int | None
    seconds_per_step: float


def cell_rows(runs: pd.DataFrame) -> list[CellRow]:
    """A row per cell, family after family.

    Args:
        runs: of one version of a task, with an outcome (`harness.analysis.runs.finished`).
    """
    groups = by_condition(runs)
    longest = runs.seq_len.max()
    scales, lengths = sorted(runs.weight_scale.unique()), sorted(runs.seq_len.unique())
    rates = groups[groups.seq_len == longest].pivot(index="who", columns="weight_scale", values="rate_init")
    right = groups.groupby(["who", "seq_len"]).accuracy.max().unstack()
    at_longest = runs[runs.seq_len == longest]
    steps, sizes = at_longest.steps.astype(float), at_longest.parameters.astype(float)
    timed = at_longest.assign(size=sizes, pace=at_longest.seconds / steps.where(steps > 0))
    size: dict[Any, float] = timed.groupby("who")["size"].max().to_dict()
    pace: dict[Any, float] = timed.groupby("who").pace.median().to_dict()
    rates, right = (table.reindex(list(family_of(runs))) for table in (rates, right))
    return [
        CellRow(
            who, family,
            {float(scale): factor(rates.loc[who, scale]) for scale in scales},
            {int(length): float(right.loc[who, length]) for length in lengths},
            int(size[who]) if np.isfinite(size.get(who, np.nan)) else None,
            pace.get(who, np.nan),
        )
        for who, family in sorted(family_of(runs).items(), key=lambda each: each[1])
    ]  # fmt: skip
