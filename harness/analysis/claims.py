"""Checks of claims against tables, for `Experiment.bears_out`: common ones in one line."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, TypeAlias

from harness.analysis.runs import finished
from harness.analysis.words import listed, percent
from harness.tables.tables import Tables
from harness.tasks.experiment import Verdict

if TYPE_CHECKING:
    import pandas as pd

    Holds: TypeAlias = Callable[[pd.DataFrame, pd.DataFrame], bool]


def solves_where_it_guesses(tables: Tables, able: str, unable: str) -> Verdict | None:
    """Whether some length is solved in every run by one kind of runs, while the other kind does not solve it once.

    Args:
        able: pandas query on the table of runs: those that are claimed to solve the task.
        unable: those that are claimed not to.
    """
    return compare(tables, able, unable, lambda up, down: bool(up.solved.all() and not down.solved.any()))


def compare(tables: Tables, better: str, worse: str, holds: Holds) -> Verdict | None:
    """Compare two kinds of runs at every length at which there are both; the claim holds if it does at one.

    Args:
        better: pandas query on the table of runs.
        worse: likewise.
        holds: whether the claim holds, from the runs of either kind at one length.

    Returns:
        The verdict at the longest length at which it holds, else at the longest; None without such a length.
    """
    import pandas as pd

    runs = finished(tables.runs)
    up, down = runs.query(better), runs.query(worse)
    lengths = sorted(set(up.seq_len) & set(down.seq_len), reverse=True)
    if not lengths:
        return None
    pairs = {length: (up[up.seq_len == length], down[down.seq_len == length]) for length in lengths}
    held = [length for length in lengths if holds(*pairs[length])]
    length = held[0] if held else lengths[0]
    scales = pd.concat(pairs[length]).weight_scale.nunique() > 1
    said = [f"{_who(rows, scales)} {percent(rows.accuracy.mean())}" for rows in pairs[length]]
    chance = percent(pairs[length][0].chance.mean())
    return Verdict(bool(held), f"At {length} steps, right on average: {said[0]}; {said[1]}; guessing gives {chance}.")


def _who(runs: pd.DataFrame, scales: bool) -> str:
    """``gru, lstm at weight scale 1 and 1.1 (12 runs)``."""
    cells = ", ".join(dict.fromkeys(runs.cell))
    where = f" at weight scale {listed(sorted(runs.weight_scale.unique()))}" if scales else ""
    return f"{cells}{where} ({len(runs)} {'run' if len(runs) == 1 else 'runs'})"
