"""Sentences about two sweeps: what is certain to have changed, how much, and what these runs cannot tell."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from harness.analysis.differences import LEAST
from harness.analysis.measures import Measure, with_changes
from harness.analysis.words import listed, percent
from harness.base.language import gettext as _
from harness.base.language import ngettext

if TYPE_CHECKING:
    import pandas as pd

MOST_NAMED = 3
"""Most conditions whose accuracy is told of one by one; other measures have their tables."""


def name_of(measure: str) -> str:
    """What a measure is called."""
    names = {
        "accuracy": _("accuracy"),
        "loss": _("loss"),
        "decay_rate": _("factor per step after training"),
        "grad_ratio": _("gradient at the cue after training"),
        "decay_rate_init": _("factor per step before training"),
        "grad_ratio_init": _("gradient at the cue before training"),
    }
    return names[measure]


def _capitalised(text: str) -> str:
    """A text as it stands where a sentence begins."""
    return text[:1].upper() + text[1:]


def word_of(claim: str) -> str:
    """A claim, in the language of the reader."""
    return {"better": _("better"), "worse": _("worse"), "higher": _("higher"), "lower": _("lower")}[claim]


def in_words(measure: str, value: float, sign: bool = False) -> str:
    """A value of a measure, or a change with its sign, as it is written down: ``87.5 %``, ``+3.1 points``, ``×1.2``."""
    if value != value:
        return "–"
    if not sign:
        return percent(value) if measure == "accuracy" else f"{value:.3g}"
    change = _change(measure, value)
    return _("{change} points").format(change=change) if measure == "accuracy" else change


def interval(row: Any) -> str:
    """The interval of a change, where there is one: ``+1.2 … +3.4``."""
    return " … ".join(_change(row.measure, value) for value in (row.low, row.high)) if row.low == row.low else "–"


def _change(measure: str, value: float) -> str:
    if measure not in ("accuracy", "loss"):
        return f"×{value:.3g}"
    number = 100 * value if measure == "accuracy" else value
    return f"{number:+.3g}".replace("-", "−") if number else "0"


def findings(table: pd.DataFrame, conditions: pd.DataFrame) -> Iterator[str]:
    """The sentences, the most telling first.

    Args:
        table: of a `harness.analysis.comparison.Comparison`.
        conditions: likewise.
    """
    shown, count = with_changes(table), int(table.p.notna().sum())
    if not shown and table.same.all():
        yield _("All values are the same on both sides, to the last bit.")
    if count and not (table.claim != "").any():
        yield _("No change is certain: each may be chance.")
    for measure in shown:
        yield from _about(table[table.measure == measure.name], measure)
    yield from _trouble(conditions)
    yield from _too_few(table)
    if count:
        yield ngettext(
            "One comparison was made.",
            "{count} comparisons were made; what is called certain allows for that many (Holm).",
            count,
        ).format(count=count)


def _about(rows: pd.DataFrame, measure: Measure) -> Iterator[str]:
    """What became of one measure."""
    name = _capitalised(name_of(measure.name))
    compared = rows[rows.p.notna()]
    sure = rows[rows.claim != ""]
    for claim in dict.fromkeys(sure.claim):
        own = sure[sure.claim == claim]
        yield _("{measure}: {claim} after the change in {count} of {all} conditions.").format(
            measure=name, claim=word_of(claim), count=len(own), all=len(rows)
        )
        if measure.name == "accuracy":
            order = own.change.abs().sort_values(ascending=False, kind="stable").index
            for row in own.loc[order].head(MOST_NAMED).itertuples():
                yield _one(row)
    if len(open_ := compared[compared.claim == ""]):
        yield ngettext(
            "{measure}: of one condition these runs cannot tell whether it has changed.",
            "{measure}: of {count} conditions these runs cannot tell whether they have changed.",
            len(open_),
        ).format(measure=name, count=len(open_))


def _one(row: Any) -> str:
    """One change that is certain: how large it is."""
    return _("{condition}: {measure} {before} → {after}, {change} ({interval}; {seeds}).").format(
        condition=row.condition,
        measure=name_of(row.measure),
        before=in_words(row.measure, row.before),
        after=in_words(row.measure, row.after),
        change=in_words(row.measure, row.change, sign=True),
        interval=interval(row),
        seeds=seeds(row),
    )


def seeds(row: Any) -> str:
    """``5 seeds``, or ``5 and 4 seeds`` where they are not the same ones."""
    if row.paired or row.n_before == row.n_after == 0:
        return ngettext("{count} seed", "{count} seeds", row.n_after).format(count=row.n_after)
    return _("{before} and {after} seeds").format(before=row.n_before, after=row.n_after)


def _trouble(conditions: pd.DataFrame) -> Iterator[str]:
    """Runs that came to no good end, where there are any."""
    texts = {
        "failed": _("Failed runs: {before} before, {after} after."),
        "diverged": _("Diverged runs: {before} before, {after} after."),
    }
    for status, text in texts.items():
        before, after = (int(conditions[f"{status}_{side}"].sum()) for side in ("before", "after"))
        if before or after:
            yield text.format(before=before, after=after)


def _too_few(table: pd.DataFrame) -> Iterator[str]:
    """Conditions of which there are too few seeds to say anything."""
    few = table[(table[["n_before", "n_after"]].min(axis=1) < LEAST) & (table.measure == "accuracy") & ~table.same]
    if len(few):
        yield _("Fewer than {least} seeds, so no interval: {conditions}.").format(
            least=LEAST, conditions=listed(few.condition)
        )
