"""Sentences about runs that went wrong: those that lost what they had learned, that diverged, that failed."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from harness.analysis.runs import with_names
from harness.analysis.words import listed
from harness.tables.varied import as_typed

if TYPE_CHECKING:
    import pandas as pd


def trouble(runs: pd.DataFrame) -> Iterator[str]:
    """How many runs went wrong, where, and why."""
    lost = runs[runs.solved_step.notna() & (runs.solved == False)]  # noqa: E712 -- missing is not false
    if len(lost):
        yield (
            f"{len(lost)} of {len(runs)} runs had solved the task at an evaluation during the training, and had lost it"
            f" by its end: {_where(lost)}."
        )
    diverged = runs[runs.status == "diverged"]
    if len(diverged):
        steps = diverged.diverged_at.astype(int)
        when = f"step {steps.min()}" if steps.nunique() == 1 else f"steps {steps.min()} to {steps.max()}"
        yield f"{len(diverged)} of {len(runs)} runs diverged, in {when} of training: {_where(diverged)}."
    failed = runs[runs.status == "failed"]
    if len(failed):
        reasons = listed([reason.rstrip(".") for reason in failed.reason.dropna().unique()[:3]])
        yield f"{len(failed)} of {len(runs)} runs failed: {reasons}."


def pruned(runs: pd.DataFrame) -> Iterator[str]:
    """How many runs a search has pruned, and when."""
    early = runs[runs.status == "pruned"]
    if len(early):
        least, most = int(early.steps.min()), int(early.steps.max())
        when = f"{least}" if least == most else f"{least} to {most}"
        yield f"{len(early)} of {len(runs)} runs were pruned by the search, after {when} training steps."


def _where(runs: pd.DataFrame) -> str:
    pairs = with_names(runs)[["who", "weight_scale"]].drop_duplicates().sort_values(["who", "weight_scale"])
    return listed([f"{row.who} at weight scale {as_typed(row.weight_scale)}" for row in pairs.itertuples()])
