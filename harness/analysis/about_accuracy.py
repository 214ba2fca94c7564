"""Sentences about accuracy: who solves the task where another guesses, how far each cell gets, and the baseline."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from harness.analysis.conditions import contrast
from harness.analysis.words import counted_runs, listed, percent, together
from harness.base.language import gettext as _
from harness.tables.varied import as_typed

if TYPE_CHECKING:
    import pandas as pd


def contrast_in_words(groups: pd.DataFrame) -> Iterator[str]:
    """The contrast in words, where there is one."""
    if pair := contrast(groups):
        winner, loser = pair
        able = _("At {steps} steps, {cell} answers {share} right.").format(
            steps=winner.seq_len, cell=_condition(winner), share=percent(winner.accuracy)
        )
        pattern = (
            _("{cell} answers {share} right: less than by guessing ({chance}).")
            if loser.below
            else _("{cell} answers {share} right: no better than by guessing ({chance}).")
        )
        unable = pattern.format(cell=_condition(loser), share=percent(loser.accuracy), chance=percent(loser.chance))
        yield together([able, unable])


def reach(groups: pd.DataFrame, every: str) -> Iterator[str]:
    """How long the sequences are that each cell with memory solves.

    Args:
        every: where "all runs" solve it: ``in every run``.
    """
    able = groups[~groups.memoryless]
    several = able.weight_scale.nunique() > 1
    for cell, rows in able.groupby("who", sort=False):
        solved = rows[rows.solved == 1]
        if len(solved):
            yield _reach_of(str(cell), rows, solved, several, every)
        elif (rows.solved > 0).any():
            longest = rows[rows.solved > 0].seq_len.max()
            some = _("{cell} solves the task in some runs, at {steps} steps at most.")
            none = _("In no setting does {cell} solve it in every run.")
            yield together([some.format(cell=cell, steps=longest), none.format(cell=cell)])
        else:
            never = _("{cell} solves the task in none of its runs.").format(cell=cell)
            best = _("Its best setting answers {share} right.").format(share=percent(rows.accuracy.max()))
            yield together([never, best])


def _reach_of(cell: str, rows: pd.DataFrame, solved: pd.DataFrame, several: bool, every: str) -> str:
    """How long the sequences are that a cell solves, at which weight scales, and which shorter ones it does not.

    Args:
        rows: its conditions, and ``solved``: those that all runs solve.
        several: whether there are several weight scales.
    """
    longest = solved.seq_len.max()
    scales = solved[solved.seq_len == longest].weight_scale
    missed = rows[(rows.seq_len < longest) & (rows.solved < 1) & rows.weight_scale.isin(scales)]
    pattern = (
        _("{cell} solves the task {every} at up to {steps} steps{where}.")
        if rows.seq_len.nunique() > 1 and not len(missed)
        else _("{cell} solves the task {every} at {steps} steps{where}.")
    )
    where = _(" (weight scale {scales})").format(scales=listed(scales)) if several else ""
    said = [pattern.format(cell=cell, every=every, steps=longest, where=where)]
    if longest == rows.seq_len.max() and rows.seq_len.nunique() > 1:
        said.append(_("That is the longest length that was tried."))
    if len(missed):
        at = _("{steps} steps with weight scale {scale}") if several else _("{steps} steps")
        shorter = [at.format(steps=row.seq_len, scale=as_typed(row.weight_scale)) for row in missed.itertuples()]
        said.append(_("It does not at {lengths}.").format(lengths=listed(shorter)))
    return together(said)


def baseline(groups: pd.DataFrame) -> Iterator[str]:
    """Whether cells without memory stay at the chance level, or below, as they must."""
    for cell, rows in groups[groups.memoryless].groupby("who", sort=False):
        if rows.guessing.all():
            pattern = (
                _("{cell} has no memory and stays below the chance level: at most {share} right.")
                if rows.below.all()
                else _("{cell} has no memory and stays at the chance level: at most {share} right.")
                if not rows.below.any()
                else _("{cell} has no memory and stays at or below the chance level: at most {share} right.")
            )
            said = [pattern]
        elif (~rows.guessing & rows.accuracy_se.notna()).any():
            said = [
                _("{cell} has no memory, but answers up to {share} right."),
                _("Part of this task can be answered without memory."),
            ]
        else:
            continue
        said.append(_("Guessing gives {chance}."))
        best, chance = percent(rows.accuracy.max()), percent(rows.chance.mean())
        yield together([each.format(cell=cell, share=best, chance=chance) for each in said])


def _condition(row: pd.Series) -> str:
    """``lstm (weight scale 1, 3 runs)``."""
    return _("{cell} (weight scale {scale}, {runs})").format(
        cell=row.who, scale=as_typed(row.weight_scale), runs=counted_runs(row.runs)
    )
