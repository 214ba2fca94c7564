"""Which runs belong together: those with an outcome, and those of one version of a task."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from harness.analysis.words import evenly, together
from harness.base.language import gettext as _
from harness.tables.columns import WITHOUT_OUTCOME
from harness.tables.varied import WITH_NAMES_OF_THEIR_OWN, differ, namer, options_that_differ, settings_of

if TYPE_CHECKING:
    import pandas as pd

CONDITION = ["who", "seq_len", "weight_scale"]
"""The columns that make up a condition, beside the version; runs of a condition differ in the seed alone."""

MOST_VERSIONS = 6
"""Most versions that a report tells of one by one."""


def finished(runs: pd.DataFrame) -> pd.DataFrame:
    """The runs that have an outcome, with the column ``who`` (see `with_names`)."""
    return with_names(runs[~runs.status.isin(WITHOUT_OUTCOME)])


def with_names(runs: pd.DataFrame) -> pd.DataFrame:
    """The runs with a column ``who``, the cell and its variant in words: ``lstm``, or ``lstm, forget_bias 3``.

    Those that have it keep it: it may also be the family (`harness.analysis.families.by_family`).
    """
    if "who" in runs:
        return runs
    if "variant" not in runs:
        return runs.assign(who=runs.cell)
    return runs.assign(who=runs.cell.where(runs.variant.isin(["", None]), runs.cell + ", " + runs.variant.astype(str)))


def varied_options(runs: pd.DataFrame) -> list[str]:
    """Options of the experiment in which the runs differ."""
    return options_that_differ(runs)


def _telling_apart(runs: pd.DataFrame) -> list[str]:
    """Settings that make versions: the task's options, and any other in which runs of one condition differ."""
    own = (*WITH_NAMES_OF_THEIR_OWN, "who")
    others = [key for key in settings_of(runs) if key not in own and not key.startswith(("cell.", "experiment."))]
    # Where each cell has a learning rate of its own, nothing would be pooled.
    return [*varied_options(runs), *differ(with_names(runs), others, within=CONDITION)]


def versions(runs: pd.DataFrame) -> Iterator[tuple[str, pd.DataFrame]]:
    """The runs of every version of a task apart: an experiment, and the settings that the sweep varies.

    Options of the cell make no versions but variants (the column ``variant``).

    Yields:
        What tells a version from the others, ``parity, asked=end``, empty where there is but one; and its runs.
    """
    several = runs.experiment.nunique() > 1
    for name, own in runs.groupby("experiment", sort=False):
        first = [str(name)] if several else []
        keys = _telling_apart(own)
        words = [(key.removeprefix("experiment."), namer(own[key])) for key in keys]
        for values, part in own.groupby(keys, sort=False, dropna=False) if keys else [((), own)]:
            said = [f"{key}={word(value)}" for (key, word), value in zip(words, values, strict=True)]
            yield ", ".join([*first, *said]), part


def shown_versions(runs: pd.DataFrame) -> tuple[list[tuple[str, pd.DataFrame]], str]:
    """As many `versions` as a report tells of one by one, and a sentence on the others; empty where there are none.

    Where an experiment has more, those that are shown are spread evenly, the first and the last among them. Of runs
    that a search has pruned there is nothing to tell.
    """
    runs = runs[runs.status != "pruned"]
    found = list(versions(runs))
    shown, remarks = [], []
    for name, own in runs.groupby("experiment", sort=False):
        parts = [each for each in found if each[1].experiment.iloc[0] == name]
        shown += evenly(parts, MOST_VERSIONS)
        if len(parts) > MOST_VERSIONS:
            keys = ", ".join(key.removeprefix("experiment.") for key in _telling_apart(own))
            remarks += [
                _("The runs of {experiment} differ in {settings}.").format(experiment=name, settings=keys),
                _("Of {all} versions, {count} are told of one by one here.").format(
                    all=len(parts), count=MOST_VERSIONS
                ),
                _("All are in {file}.").format(file="tables/runs.csv"),
            ]
    return shown, together(remarks) if remarks else ""
