"""Two sweeps side by side: which conditions stand in both, and what has changed from one to the other."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from harness.analysis.about_comparison import findings
from harness.analysis.differences import difference, holm
from harness.analysis.matching import Change, Matched, match
from harness.analysis.measures import MEASURES, Measure, with_changes
from harness.tables.columns import WITHOUT_OUTCOME

if TYPE_CHECKING:
    import pandas as pd

MOST_BY_CHANCE = 0.05
"""How often chance may bring any of the claims of a comparison, all taken together."""


@dataclass(frozen=True)
class Comparison:
    """Two sweeps, condition by condition.

    Attributes:
        names: of the sweep before the change, and of the one after it.
        changes: the settings in which the two differ as a whole.
        conditions: a row for each condition that stands in both: ``condition`` in words, its settings, and of each
            side ``runs``, ``failed``, ``diverged`` and ``solved`` (``runs_before``, ``runs_after`` …).
        table: a row for each condition and measure: ``before`` and ``after`` (means over seeds, geometric where
            ``by_factor``), ``change`` (a difference, or a factor) with its 95 % interval from ``low`` to ``high``,
            seeds ``n_before`` and ``n_after``, whether they are ``paired``, ``p``, and ``p_holm``, corrected for all
            comparisons; ``left_out``: runs with an outcome whose value is none (infinite, or no line describes it);
            ``same``: whether every seed has the same value on both sides, to the bit; ``claim``: ``better``,
            ``worse``, ``higher`` or ``lower`` where that is no chance, else empty.
        dots: a row for each seed of each condition and measure: its ``change``.
        only_before: conditions that stand in the first alone, in words.
        only_after: in the second alone.
        findings: what has changed, in sentences.
    """

    names: tuple[str, str]
    changes: list[Change]
    conditions: pd.DataFrame
    table: pd.DataFrame
    dots: pd.DataFrame
    only_before: list[str]
    only_after: list[str]
    findings: list[str]

    @property
    def comparisons(self) -> int:
        """How many were made: those with an interval, but for what is the same to the bit."""
        return int(self.table.p.notna().sum())

    def measures(self) -> list[Measure]:
        """Those of which there is anything to show."""
        return with_changes(self.table)


def compare(before: pd.DataFrame, after: pd.DataFrame, names: tuple[str, str] = ("before", "after")) -> Comparison:
    """Compare the runs of two sweeps, condition by condition: all settings are the same but the seed.

    A setting that has one value in the first and another one in the second is what has changed: it is named, and
    conditions match all the same.

    Args:
        before: the table of runs of the first.
        after: that of the second.
        names: what the two are called.

    Raises:
        UserError: no condition stands in both.
    """
    import pandas as pd

    matched = match(before, after, names)
    sides = [_Side.of(runs) for runs in (before, after)]
    rows, dots = [], []
    for pair in matched.pairs:
        for measure in MEASURES:
            known = [side.of_runs(own, measure) for side, own in zip(sides, pair.places, strict=True)]
            row, each = _compared(measure, known[0], known[1])
            rows.append({"condition": pair.words, **row})
            dots += [{"condition": pair.words, "measure": measure.name, "change": change} for change in each]
    table = pd.DataFrame(rows)
    table.insert(len(table.columns) - 1, "p_holm", holm(table.p.tolist()))
    table["claim"] = [_claim(row) for row in table.itertuples()]
    conditions = _conditions(matched, before, after)
    return Comparison(
        names, matched.changes, conditions, table, pd.DataFrame(dots, columns=["condition", "measure", "change"]),
        matched.only_before, matched.only_after, list(findings(table, conditions)),
    )  # fmt: skip


@dataclass(frozen=True)
class _Side:
    """One of the two sweeps, its values at hand.

    Attributes:
        done: whether a run has an outcome.
        resolution: how exactly each accuracy can be known: it is a share of so many samples.
    """

    seeds: NDArray[np.int64]
    done: NDArray[np.bool_]
    values: dict[str, NDArray[np.float64]]
    resolution: NDArray[np.float64]

    @classmethod
    def of(cls, runs: pd.DataFrame) -> _Side:
        samples = runs.eval_samples.astype(float).to_numpy() if "eval_samples" in runs else np.full(len(runs), np.inf)
        return cls(
            runs.seed.to_numpy(),
            ~runs.status.isin(WITHOUT_OUTCOME).to_numpy(),
            {measure.name: measure.values(runs).to_numpy() for measure in MEASURES},
            np.nan_to_num(1 / samples),
        )

    def of_runs(self, places: NDArray[np.int64], measure: Measure) -> tuple[dict[int, float], float]:
        """The values of those of some runs that have an outcome, by seed, and how exactly they are known."""
        own = places[self.done[places]]
        exact = float(self.resolution[own].max(initial=0)) if measure.name == "accuracy" else 0.0
        return dict(zip(self.seeds[own].tolist(), self.values[measure.name][own].tolist(), strict=True)), exact


def _compared(
    measure: Measure, before: tuple[dict[int, float], float], after: tuple[dict[int, float], float]
) -> tuple[dict[str, Any], list[float]]:
    """What there is to say of a measure in a condition, and the changes of its seeds."""
    (first, exact), (second, other) = before, after
    found = difference(first, second, max(exact, other))
    values = [*first.values(), *second.values()]
    same = repr(sorted(first.items())) == repr(sorted(second.items()))  # NaN is the same as NaN
    row = {
        "measure": measure.name, "by_factor": measure.by_factor,
        "before": measure.shown(found.before), "after": measure.shown(found.after),
        **{name: measure.shown(getattr(found, name)) for name in ("change", "low", "high")},
        "n_before": found.n[0], "n_after": found.n[1], "paired": found.paired,
        "left_out": int((~np.isfinite(values)).sum()),
        "p": np.nan if same else found.p, "same": same,
    }  # fmt: skip
    return row, [measure.shown(value) for value in found.each]


def _claim(row: Any) -> str:
    """What may be said of a row for certain."""
    if not row.p_holm < MOST_BY_CHANCE:
        return ""
    measure = next(each for each in MEASURES if each.name == row.measure)
    up = row.change > (1 if measure.by_factor else 0)
    if measure.better == 0:
        return "higher" if up else "lower"
    if row.left_out:  # runs that have diverged have no loss: those that are left are no fair sample
        return ""
    return "better" if up == (measure.better > 0) else "worse"


def _conditions(matched: Matched, before: pd.DataFrame, after: pd.DataFrame) -> pd.DataFrame:
    """What became of the runs of every condition, on both sides."""
    import pandas as pd

    flags = [
        {
            "runs": np.ones(len(runs), dtype=bool),
            **{status: (runs.status == status).to_numpy() for status in ("failed", "diverged")},
            "solved": runs.solved.fillna(False).astype(bool).to_numpy(),
        }
        for runs in (before, after)
    ]
    return pd.DataFrame(
        {
            "condition": pair.words,
            **pair.settings,
            **{
                f"{name}_{side}": int(own[name][places].sum())
                for name in flags[0]
                for side, own, places in zip(("before", "after"), flags, pair.places, strict=True)
            },
        }
        for pair in matched.pairs
    )
