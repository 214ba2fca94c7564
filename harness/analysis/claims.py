"""Checks of claims against tables, for `Experiment.bears_out`: common ones in one line."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

import numpy as np

from harness.analysis.accuracy import accuracies, not_above, threshold
from harness.analysis.runs import with_names
from harness.analysis.words import counted_runs, listed, percent, together
from harness.base.language import gettext as _
from harness.tables.tables import Tables
from harness.tasks.experiment import Verdict

if TYPE_CHECKING:
    import pandas as pd

LEAST_RUNS = 2
"""Fewer runs of a kind that have not failed say nothing about that kind."""


@dataclass(frozen=True)
class Kind:
    """Runs of one kind, as claims compare them.

    Attributes:
        runs: all of them; one that has failed has no accuracy, and has not solved the task.
        tries: how many comparisons are made of which one has to hold; each of them then has to be surer.
    """

    runs: pd.DataFrame
    tries: int = 1

    @property
    def enough(self) -> bool:
        """Whether there are `LEAST_RUNS` with an accuracy."""
        return int(self.runs.accuracy.notna().sum()) >= LEAST_RUNS

    @property
    def accuracy(self) -> float:
        """Mean accuracy."""
        return float(self.runs.accuracy.mean())

    @property
    def solved(self) -> float:
        """The share of runs that have solved the task; those that failed have not."""
        return float(self.runs.solved.astype("boolean").fillna(False).mean())

    def guesses(self) -> bool:
        """Whether the accuracy is not distinguishable from the chance level, or below it."""
        runs = self._known
        return len(runs) > 0 and bool(
            not_above(accuracies(runs, ["kind"]), runs.groupby("kind").chance.mean()).all()
        )  # fmt: skip

    def beats(self, other: Kind, by: float = 0.0) -> bool:
        """Whether the accuracy is higher by more than ``by`` and what luck may bring about.

        Luck is three standard errors of the difference (more where several comparisons are made), from run to run with
        a variance in common, and from sample to sample. Of two runs a kind such a difference comes up by luck alone in
        some 5 of 100 cases, of ten in less than one.
        """
        one, two = self._known, other._known
        freedom = len(one) + len(two) - 2
        squares = sum(float(((runs.accuracy - runs.accuracy.mean()) ** 2).sum()) for runs in (one, two))
        from_runs = np.sqrt(squares / max(freedom, 1) * (1 / len(one) + 1 / len(two)))
        samples = [accuracies(runs, ["kind"]).iloc[0] for runs in (one, two)]
        from_samples = np.hypot(*(each.accuracy_se for each in samples))
        luck = max(
            float(threshold(np.inf, self.tries)) * from_runs,
            float(threshold(min(each.freedom for each in samples), self.tries)) * from_samples,
        )
        return bool(self.accuracy - other.accuracy > by + luck)

    @property
    def _known(self) -> pd.DataFrame:
        return self.runs[self.runs.accuracy.notna()].assign(kind=0)


Holds: TypeAlias = Callable[[Kind, Kind], bool]


def kinds(tables: Tables, *queries: str) -> list[Kind] | None:
    """The runs of several kinds, each by a pandas query on the table of runs; None where one has too few of them."""
    runs = with_names(tables.runs)
    found = [Kind(runs.query(query)) for query in queries]
    return found if all(each.enough for each in found) else None


def solves_where_it_guesses(tables: Tables, able: str, unable: str) -> Verdict | None:
    """Whether some length is solved in every run by one kind of runs, while the other kind does no better than chance.

    Args:
        able: pandas query on the table of runs: those that are claimed to solve the task.
        unable: those that are claimed to guess.
    """
    return compare(
        tables, able, unable,
        lambda up, down: up.solved == 1 and down.solved == 0 and down.guesses() and up.beats(down),
    )  # fmt: skip


def solves_where_it_does_not(tables: Tables, able: str, unable: str) -> Verdict | None:
    """Whether some length is solved in every run by one kind of runs, while the other kind does not solve it once.

    Args:
        able, unable: as of `solves_where_it_guesses`; the second may be better than chance.
    """
    return compare(tables, able, unable, lambda up, down: up.solved == 1 and down.solved == 0 and up.beats(down))


def solves_only_short(tables: Tables, who: str) -> Verdict | None:
    """Whether runs all solve the task at the shortest length, and none does at the longest.

    Args:
        who: pandas query on the table of runs: those of which it is claimed.

    Returns:
        None where there are too few runs of either length.
    """
    runs = with_names(tables.runs).query(who)
    if runs.seq_len.nunique() < 2:
        return None
    lengths = runs.seq_len.min(), runs.seq_len.max()
    short, long = (Kind(runs[runs.seq_len == length]) for length in lengths)
    if not (short.enough and long.enough):
        return None
    pattern = _("At {steps} steps, right on average: {runs} {share}. Guessing gives {chance}.")
    numbers = [
        pattern.format(
            steps=length, runs=_who(kind.runs, scales=False), share=percent(kind.accuracy),
            chance=percent(kind.runs.chance.mean()),
        )
        for length, kind in zip(lengths, (short, long), strict=True)
    ]  # fmt: skip
    return Verdict(short.solved == 1 and long.solved == 0 and short.beats(long), together(numbers))


def compare(tables: Tables, better: str, worse: str, holds: Holds) -> Verdict | None:
    """Compare two kinds of runs at every length at which there are enough of both; the claim holds if it does at one.

    That one length is enough is made up for: `Kind.beats` asks for a larger difference the more lengths there are.

    Args:
        better: pandas query on the table of runs.
        worse: likewise.
        holds: whether the claim holds, from the runs of either kind at one length.

    Returns:
        The verdict at the longest length at which it holds, else at the longest; None without such a length.
    """
    import pandas as pd

    runs = with_names(tables.runs)
    up, down = runs.query(better), runs.query(worse)
    lengths = sorted(set(up.seq_len) & set(down.seq_len), reverse=True)
    pairs = {length: (Kind(up[up.seq_len == length]), Kind(down[down.seq_len == length])) for length in lengths}
    tested = {length: pair for length, pair in pairs.items() if pair[0].enough and pair[1].enough}
    if not tested:
        return None
    tested = {length: (Kind(up.runs, len(tested)), down) for length, (up, down) in tested.items()}
    held = [length for length, pair in tested.items() if holds(*pair)]
    length = held[0] if held else next(iter(tested))
    pair = tested[length]
    scales = pd.concat([each.runs for each in pair]).weight_scale.nunique() > 1
    pattern = _("At {steps} steps, right on average: {better} {share}; {worse} {other}. Guessing gives {chance}.")
    numbers = pattern.format(
        steps=length,
        better=_who(pair[0].runs, scales), share=percent(pair[0].accuracy),
        worse=_who(pair[1].runs, scales), other=percent(pair[1].accuracy),
        chance=percent(pair[0].runs.chance.mean()),
    )  # fmt: skip
    return Verdict(bool(held), numbers)


def _who(runs: pd.DataFrame, scales: bool) -> str:
    """``gru, lstm at weight scale 1 and 1.1 (12 runs)``, and how many of them have failed."""
    cells = _(", ").join(dict.fromkeys(runs.cell))
    count = counted_runs(len(runs))
    if lost := int((runs.status == "failed").sum()):
        count = _("{runs}, {count} of them failed").format(runs=count, count=lost)
    if not scales:
        return _("{cells} ({runs})").format(cells=cells, runs=count)
    where = listed(sorted(runs.weight_scale.unique()))
    return _("{cells} at weight scale {scales} ({runs})").format(cells=cells, scales=where, runs=count)
