"""The one sentence over a report: what its tables say, in at most `MOST_WORDS` words; and the two conditions of it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

from harness.analysis.accuracy import surely_higher
from harness.analysis.conditions import by_condition, contrast
from harness.analysis.families import many
from harness.analysis.runs import finished, shown_versions
from harness.analysis.words import percent, times
from harness.base.language import gettext as _
from harness.base.language import ngettext
from harness.tables.varied import as_typed

if TYPE_CHECKING:
    import pandas as pd

MOST_WORDS = 25
"""Of a headline: what is longer is said in a shorter way."""


def headline(runs: pd.DataFrame) -> str:
    """What a first look at the results should tell, in one sentence that is true of them.

    Args:
        runs: the table of runs of a sweep, those that failed included.
    """
    version, own = first_version(runs)
    said = list(_sentences(own))
    fitting = [each for each in said if words_in(each) + words_in(version) <= MOST_WORDS]
    sentence = fitting[0] if fitting else min(said, key=words_in)
    if version and words_in(version) + words_in(sentence) <= MOST_WORDS:
        return _("{version}: {sentence}").format(version=version, sentence=sentence)
    return sentence


def words_in(text: str) -> int:
    """How many words a text has, as spaces tell them apart."""
    return len(text.split())


def first_version(runs: pd.DataFrame) -> tuple[str, pd.DataFrame]:
    """The version of the task that a first look shows: the first one with a `contrast`, else the first.

    Returns:
        What tells it from the others, empty where there are none; and its runs.
    """
    shown = shown_versions(runs)[0]
    if not shown:
        return "", runs
    if len(shown) == 1:
        return shown[0]
    for version, own in shown:
        if (done := finished(own)).size and contrast(by_condition(done)):
            return version, own
    return next(((version, own) for version, own in shown if len(finished(own))), shown[0])


def best_and_worst(groups: pd.DataFrame) -> tuple[pd.Series, pd.Series | None] | None:
    """The two conditions, of one length, that a first look compares: who remembers best, who forgets most.

    The `contrast` where there is one. Otherwise, at the longest length, the highest and the lowest accuracy, of two
    cells where there are two; where no accuracy is higher for certain, those whose gradient at the cue before training
    is the closest to that at the answer, and the farthest from it.

    Args:
        groups: of `harness.analysis.conditions.by_condition`.

    Returns:
        The second one is None where there is but one condition; None where no cell has memory.
    """
    if pair := contrast(groups):
        return pair
    able = groups[~groups.memoryless]
    here = able[able.seq_len == able.seq_len.max()]
    if not len(here):
        return None
    with np.errstate(all="ignore"):
        here = here.assign(distance=np.abs(np.log(here.ratio_init.astype(float))).fillna(np.inf))
    by_accuracy = here.sort_values("accuracy", ascending=False, kind="stable", na_position="last")
    for order in (by_accuracy, here.sort_values("distance", kind="stable")):
        best = order.iloc[0]
        others = order[order.who != best.who] if order.who.nunique() > 1 else order[order.index != best.name]
        if not len(others):
            return best, None
        worst = others[others.accuracy.notna()].iloc[-1] if others.accuracy.notna().any() else others.iloc[-1]
        if order is not by_accuracy or surely_higher(best, worst):
            return best, worst
    raise AssertionError("the second order always gives a pair")


def _sentences(runs: pd.DataFrame) -> Iterator[str]:
    """What can be said of the runs of one version, the longest first; the last one is always short."""
    done = finished(runs)
    if not len(done):
        count = len(runs)
        yield ngettext("The one run has no outcome.", "None of the {count} runs has an outcome.", count).format(
            count=count
        )
        return
    groups = by_condition(done)
    able = groups[~groups.memoryless]
    if not len(able):
        yield _("No cell in these runs has a memory.")
        return
    if (done.steps.astype(float) == 0).all():
        yield from _untrained(groups)
    elif many(done):
        yield from _many(able)
    elif pair := contrast(groups):
        yield from _contrast(groups, *pair)
    else:
        yield from _without_contrast(able)
    yield ngettext("One run was made.", "{count} runs were made.", len(runs)).format(count=len(runs))


def _contrast(groups: pd.DataFrame, winner: pd.Series, loser: pd.Series) -> Iterator[str]:
    here = groups[groups.seq_len == winner.seq_len]
    best, worst = _named(winner, here, here.solved == 1), _named(loser, here, here.guessing)
    for pattern in (
        _("At {steps} steps, {best} solves the task in every run, while {worst} does no better than guessing."),
        _("At {steps} steps, {best} solves the task in every run; {worst} only guesses."),
        _("At {steps} steps, {best} solves the task; {worst} only guesses."),
        _("At {steps} steps, one setting solves the task in every run, while another does no better than guessing."),
    ):
        yield pattern.format(steps=winner.seq_len, best=best, worst=worst)


def _named(row: pd.Series, groups: pd.DataFrame, same: pd.Series) -> str:
    """A condition in words: by its cell alone where all others of that cell had the ``same`` outcome."""
    return _cell(row) if same[groups.who == row.who].all() else _condition(row)


def _cell(row: pd.Series) -> str:
    return str(row.who)


def _condition(row: pd.Series) -> str:
    return _("{who} at weight scale {scale}").format(who=row.who, scale=as_typed(row.weight_scale))


def _many(able: pd.DataFrame) -> Iterator[str]:
    here = able[able.seq_len == able.seq_len.max()]
    numbers = {
        "steps": here.seq_len.iloc[0],
        "solving": here[here.solved == 1].who.nunique(),
        "all": here.who.nunique(),
    }
    if able.weight_scale.nunique() > 1:
        yield _(
            "At {steps} steps, {solving} of {all} cells with memory solve the task in every run of at least one weight "
            "scale."
        ).format(**numbers)
    else:
        yield _("At {steps} steps, {solving} of {all} cells with memory solve the task in every run.").format(**numbers)


def _untrained(groups: pd.DataFrame) -> Iterator[str]:
    """Of networks that were not trained, what reaches the cue."""
    found = best_and_worst(groups)
    assert found is not None
    best, worst = found
    said = {"steps": best.seq_len, "best": best.who, "most": times(best.ratio_init)}
    if worst is None:
        yield _("Untrained, at {steps} steps: the cue of {best} receives {most} the answer's gradient.").format(**said)
        return
    if worst.who == best.who:
        scales = {"one": as_typed(best.weight_scale), "other": as_typed(worst.weight_scale)}
        yield _(
            "Untrained, at {steps} steps: the cue receives {most} the answer's gradient at weight scale {one}, "
            "{least} at {other}."
        ).format(**said, **scales, least=times(worst.ratio_init))
        return
    yield _(
        "Untrained, at {steps} steps: the cue receives {most} the answer's gradient in {best}, {least} in {worst}."
    ).format(**said, worst=worst.who, least=times(worst.ratio_init))


def _without_contrast(able: pd.DataFrame) -> Iterator[str]:
    """Where no cell solves the task while another one guesses."""
    cells, longest = able.who.nunique(), able.seq_len.max()
    who = able.who.iloc[0] if cells == 1 else ""
    up_to = _("up to {steps} steps") if able.seq_len.nunique() > 1 else _("at {steps} steps")
    reach = up_to.format(steps=longest)
    if (able.solved == 1).all():
        if cells == 1:
            yield _("{who} solves the task in every run, {reach}.").format(who=who, reach=reach)
        else:
            yield _("Each of {cells} cells with memory solves the task in every run, {reach}.").format(
                cells=cells, reach=reach
            )
        return
    if able.guessing.all():
        if cells == 1:
            yield _("{who} does no better than guessing, {reach}.").format(who=who, reach=reach)
        else:
            yield _("None of {cells} cells with memory does better than guessing, {reach}.").format(
                cells=cells, reach=reach
            )
        return
    found = best_and_worst(able)
    assert found is not None
    best, worst = found
    several = able.weight_scale.nunique() > 1
    name = _condition if several else _cell
    if worst is not None and surely_higher(best, worst):
        shares = {"most": percent(best.accuracy), "least": percent(worst.accuracy)}
        yield _("At {steps} steps, {best} answers {most} right, and {worst} only {least}.").format(
            steps=longest, best=name(best), worst=name(worst), **shares
        )
        yield _("At {steps} steps, the best setting answers {most} right, the worst {least}.").format(
            steps=longest, **shares
        )
        return
    if np.isfinite(best.accuracy):
        pattern = (
            _("{who} answers {most} right at {steps} steps.") if worst is None
            else _("At {steps} steps no setting is better than another for certain; {who} answers {most} right.")
        )  # fmt: skip
        yield pattern.format(who=name(best), most=percent(best.accuracy), steps=longest)
