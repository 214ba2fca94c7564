"""The short tables of accuracies that stand on the terminal and in a notebook at the end of a sweep."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from harness.analysis.about_families import family_table
from harness.analysis.conditions import by_condition, summary
from harness.analysis.families import many
from harness.analysis.runs import finished, shown_versions
from harness.analysis.words import percent, spread
from harness.base.language import gettext as _
from harness.tables.tables import Tables
from harness.tables.varied import as_typed

if TYPE_CHECKING:
    import pandas as pd

MOST_SCALES = 12
"""Most weight scales in a table."""

MOST_LENGTHS = 5
"""Most lengths in a table by family."""


@dataclass(frozen=True)
class ShortTable:
    """A table of texts.

    Attributes:
        title: above it, or empty.
        sections: rows that belong together, as those of a cell.
        caption: below it, or empty.
    """

    title: str
    heads: list[str]
    sections: list[list[list[str]]]
    caption: str = ""


def short_tables(tables: Tables) -> Iterator[ShortTable]:
    """The accuracies of the runs that came to an end, a table for each version of a task."""
    for version, runs in shown_versions(finished(tables.runs))[0]:
        yield _by_family(runs, version) if many(runs) else _by_cell(runs, version)


def _by_cell(runs: pd.DataFrame, version: str) -> ShortTable:
    table = summary(runs)
    table = table[spread(map(float, table.columns), MOST_SCALES)]
    several = len(table.columns) > 1
    title = _(", ").join([_("accuracy by weight scale")] * several + [version] * bool(version))
    heads = [as_typed(scale) for scale in table.columns] if several else [_("accuracy")]
    sections = [
        [[str(cell), str(seq_len), *row] for seq_len, row in rows.droplevel("who").iterrows()]
        for cell, rows in table.groupby(level="who")
    ]
    doubtful = table.map(lambda text: text.startswith("~")).any(axis=None)
    return ShortTable(title, [_("cell"), _("steps"), *heads], sections, _("~ not above chance") if doubtful else "")


def _by_family(runs: pd.DataFrame, version: str) -> ShortTable:
    """Of many cells: how many of each family solve the task, and the best of them at the longest length."""
    lengths = spread(runs.seq_len, MOST_LENGTHS)
    solve = _("solve it, {steps} steps")
    heads = [_("family"), _("cells"), *(solve.format(steps=f"{length:g}") for length in lengths)]
    rows = [
        [family, str(cells), *(str(solved[int(length)]) for length in lengths), f"{best} {percent(accuracy)}"]
        for family, cells, solved, best, accuracy in family_table(by_condition(runs))
    ]
    return ShortTable(version, [*heads, _("best, {steps} steps").format(steps=runs.seq_len.max())], [rows])
