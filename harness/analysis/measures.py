"""What is compared of two sweeps, and on what scale."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np

from harness.analysis.words import factor
from harness.tables.columns import WITHOUT_OUTCOME

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class Measure:
    """What is compared.

    Attributes:
        name: a column of the table of runs.
        better: 1 where more is better, -1 where less is; 0 where neither is.
        by_factor: whether a change is a factor, so that 1 is none, and means are geometric.
    """

    name: str
    better: Literal[-1, 0, 1] = 0
    by_factor: bool = False

    def values(self, runs: pd.DataFrame) -> pd.Series:
        """What is compared of runs: logarithms of what changes by a factor; NaN of those without an outcome."""
        values = runs[self.name].astype(float).where(~runs.status.isin(WITHOUT_OUTCOME))
        if self.name.startswith("decay_rate"):  # it is a logarithm, and none where no line describes the way back
            return values.where(runs[self.name.replace("decay_rate", "verdict")] != "undefined")
        if self.by_factor:
            with np.errstate(divide="ignore"):
                return values.map(np.log)
        return values

    def shown(self, value: float) -> float:
        """A mean or a change of these values as it is written down."""
        return factor(value) if self.by_factor else value


MEASURES = (
    Measure("accuracy", better=1),
    Measure("loss", better=-1),
    Measure("decay_rate", by_factor=True),
    Measure("grad_ratio", by_factor=True),
    Measure("decay_rate_init", by_factor=True),
    Measure("grad_ratio_init", by_factor=True),
)
"""What is compared, in this order."""


def with_changes(table: pd.DataFrame) -> list[Measure]:
    """Those of which a comparison's table has anything to show."""
    there = set(table.measure[~table.same & table.change.notna()])
    return [measure for measure in MEASURES if measure.name in there]
