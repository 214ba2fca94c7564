"""Sentences about accuracy: who solves the task where another guesses, how far each cell gets, and the baseline."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from harness.analysis.conditions import contrast
from harness.analysis.words import listed, percent
from harness.tables.varied import as_typed

if TYPE_CHECKING:
    import pandas as pd


def contrast_in_words(groups: pd.DataFrame) -> Iterator[str]:
    """The contrast in words, where there is one."""
    if pair := contrast(groups):
        winner, loser = pair
        yield (
            f"At {winner.seq_len} steps, {_condition(winner)} answers {percent(winner.accuracy)} right"
            f" ({_runs(winner.runs)}), while {_condition(loser)} answers {percent(loser.accuracy)}"
            f" ({_runs(loser.runs)}): {'below' if loser.below else 'not distinguishable from'} guessing,"
            f" {percent(loser.chance)}."
        )


def reach(groups: pd.DataFrame, every: str) -> Iterator[str]:
    """How long the sequences are that each cell with memory solves.

    Args:
        every: what "all runs" are called: ``every run``.
    """
    able = groups[~groups.memoryless]
    several = able.weight_scale.nunique() > 1
    for cell, rows in able.groupby("who", sort=False):
        solved = rows[rows.solved == 1]
        if len(solved):
            longest = solved.seq_len.max()
            scales = solved[solved.seq_len == longest].weight_scale
            tried = rows.seq_len.max()
            end = ", the longest that was tried" if longest == tried and rows.seq_len.nunique() > 1 else ""
            missed = rows[(rows.seq_len < longest) & (rows.solved < 1) & rows.weight_scale.isin(scales)]
            shorter = [
                f"{row.seq_len} steps" + (f" with weight scale {as_typed(row.weight_scale)}" if several else "")
                for row in missed.itertuples()
            ]
            up_to = "up to " if rows.seq_len.nunique() > 1 and not shorter else ""
            yield (
                f"{cell} solves the task in {every} at {up_to}{longest} steps{end}"
                f"{f' (weight scale {listed(scales)})' if several else ''}"
                f"{f', but not at {listed(shorter)}' if shorter else ''}."
            )
        elif (rows.solved > 0).any():
            longest = rows[rows.solved > 0].seq_len.max()
            yield f"{cell} solves the task in some runs, at {longest} steps at most, but in no setting in every run."
        else:
            best = percent(rows.accuracy.max())
            yield f"{cell} solves the task in none of its runs; its best setting answers {best} right."


def baseline(groups: pd.DataFrame) -> Iterator[str]:
    """Whether cells without memory stay at the chance level, or below, as they must."""
    for cell, rows in groups[groups.memoryless].groupby("who", sort=False):
        best = rows.accuracy.max()
        chance = percent(rows.chance.mean())
        where = "below" if rows.below.all() else "at" if not rows.below.any() else "at or below"
        if rows.guessing.all():
            yield (
                f"{cell}, which has no memory, answers at most {percent(best)} right:"
                f" it stays {where} the chance level, {chance}."
            )
        elif (~rows.guessing & rows.accuracy_se.notna()).any():
            yield (
                f"{cell}, which has no memory, answers up to {percent(best)}, above the chance level of {chance}: "
                "part of this task can be answered without memory."
            )


def _condition(row: pd.Series) -> str:
    return f"{row.who} at weight scale {as_typed(row.weight_scale)}"


def _runs(count: int) -> str:
    return "1 run" if count == 1 else f"{count} runs"
