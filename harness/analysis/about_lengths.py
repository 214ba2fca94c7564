"""Sentences about lengths at which networks were not trained: how far each cell's solution holds."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from harness.analysis.runs import CONDITION
from harness.analysis.words import listed, together
from harness.base.language import gettext as _

if TYPE_CHECKING:
    import pandas as pd

    from harness.tables.tables import Tables


def beyond_training(tables: Tables, runs: pd.DataFrame, every: str) -> Iterator[str]:
    """Up to which length each cell that solves the task in training still does, of those that were tried beyond it.

    A length counts where all shorter ones beyond the training are solved, too. Of a cell with several conditions that
    all runs solve in training, the one that gets farthest is told of, in multiples of its own length.

    Args:
        runs: those with an outcome, of one version of a task.
        every: where "all runs" solve it: ``in every run``.
    """
    if "generalization" not in tables or not tables.rows("generalization"):
        return
    tried = tables.read("generalization", ["run_id", "length", "solved"])
    several = runs.weight_scale.nunique() > 1
    found = reached(runs, tried)
    for cell, rows in found.groupby("who", sort=False):
        best = (rows.reach / rows.seq_len).max()
        farthest = rows[rows.reach / rows.seq_len == best]
        row = farthest[farthest.seq_len == farthest.seq_len.max()]
        trained, reach = row.seq_len.iloc[0], row.reach.iloc[0]
        said = [_("{cell} was trained on no more than {steps} steps.").format(cell=cell, steps=trained)]
        if reach == trained:
            said.append(_("At none of the longer lengths that were tried does it solve the task {every}."))
        else:
            said.append(_("It solves the task {every} at up to {steps} steps{where}."))
            if reach == row.longest.iloc[0]:
                said.append(_("That is the longest length that was tried."))
        where = _(" (weight scale {scales})").format(scales=listed(row.weight_scale)) if several else ""
        yield together(each.format(every=every, steps=reach, where=where) for each in said)


def reached(runs: pd.DataFrame, tried: pd.DataFrame) -> pd.DataFrame:
    """Conditions that all runs solve in training, and that were tried at longer lengths than the trained one.

    Args:
        tried: rows of the table ``generalization``.

    Returns:
        The columns of `CONDITION`, ``reach`` (the longest length up to which all runs solve all that were tried; the
        trained one where there is none) and ``longest`` (the longest that was tried).
    """
    beyond = runs[["run_id", *CONDITION]].assign(able=runs.solved.astype(bool)).merge(tried, on="run_id")
    beyond = beyond[beyond.length > beyond.seq_len]
    by_length = beyond.groupby([*CONDITION, "length"], sort=True).agg(able=("able", "all"), solved=("solved", "all"))
    by_length = by_length.reset_index()
    by_length = by_length[by_length.able]
    so_far = by_length.groupby(CONDITION).solved.cummin().astype(bool)
    by_length["reach"] = by_length.length.where(so_far, by_length.seq_len)
    return by_length.groupby(CONDITION, as_index=False).agg(reach=("reach", "max"), longest=("length", "max"))
