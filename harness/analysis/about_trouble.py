"""Sentences about runs that went wrong: those that lost what they had learned, that diverged, that failed."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from harness.analysis.runs import with_names
from harness.analysis.words import counted_runs, listed
from harness.base.language import gettext as _
from harness.tables.reasons import NOT_FINITE, OVERFLOWED
from harness.tables.varied import as_typed

if TYPE_CHECKING:
    import pandas as pd


def trouble(runs: pd.DataFrame) -> Iterator[str]:
    """How many runs went wrong, where, and why."""
    everyone = counted_runs(len(runs))
    lost = runs[runs.solved_step.notna() & (runs.solved == False)]  # noqa: E712 -- missing is not false
    if len(lost):
        yield _("{count} of {runs} solved the task during the training and had lost it by its end: {where}.").format(
            count=len(lost), runs=everyone, where=_where(lost)
        )
    diverged = runs[runs.status == "diverged"]
    if len(diverged):
        steps = diverged.diverged_at.astype(int)
        pattern = (
            _("{count} of {runs} diverged, at training step {first}: {where}.")
            if steps.nunique() == 1
            else _("{count} of {runs} diverged, at training steps {first} to {last}: {where}.")
        )
        yield pattern.format(
            count=len(diverged), runs=everyone, first=steps.min(), last=steps.max(), where=_where(diverged)
        )
        yield from _on_the_way_back(diverged)
    failed = runs[runs.status == "failed"]
    if len(failed):
        reasons = listed([reason.rstrip(".") for reason in failed.reason.dropna().unique()[:3]])
        yield _("{count} of {runs} failed: {reasons}.").format(count=len(failed), runs=everyone, reasons=reasons)


def _on_the_way_back(diverged: pd.DataFrame) -> Iterator[str]:
    """How many of the runs that diverged had a finite loss, and whether double precision would help."""
    for reason, pattern in (
        (
            OVERFLOWED,
            _(
                "In {count} of these the gradient overflowed float32 on the way back, while the loss was finite. "
                "dtype=float64 holds it."
            ),
        ),
        (
            NOT_FINITE,
            _(
                "In {count} of these the gradient was not finite on the way back, while the loss was. "
                "dtype=float64 does not hold it."
            ),
        ),
    ):
        if count := int((diverged.reason == reason).sum()):
            yield pattern.format(count=count)


def pruned(runs: pd.DataFrame) -> Iterator[str]:
    """How many runs a search has pruned, and when."""
    early = runs[runs.status == "pruned"]
    if len(early):
        least, most = int(early.steps.min()), int(early.steps.max())
        pattern = (
            _("The search pruned {count} of {runs}, after {first} training steps.")
            if least == most
            else _("The search pruned {count} of {runs}, after {first} to {last} training steps.")
        )
        yield pattern.format(count=len(early), runs=counted_runs(len(runs)), first=least, last=most)


def _where(runs: pd.DataFrame) -> str:
    pairs = with_names(runs)[["who", "weight_scale"]].drop_duplicates().sort_values(["who", "weight_scale"])
    at = _("{cell} at weight scale {scale}")
    return listed([at.format(cell=row.who, scale=as_typed(row.weight_scale)) for row in pairs.itertuples()])
