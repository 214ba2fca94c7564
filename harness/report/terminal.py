"""What is said on the terminal at the end of a sweep."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

from rich.console import Console
from rich.table import Table

from harness.analysis.about_families import family_table
from harness.analysis.conditions import by_condition, summary
from harness.analysis.families import many
from harness.analysis.runs import finished, shown_versions
from harness.analysis.words import percent, spread
from harness.tables.tables import Tables
from harness.tables.varied import as_typed

if TYPE_CHECKING:
    import pandas as pd

MOST_SCALES = 12
"""Most weight scales in the table on the terminal."""

MOST_LENGTHS = 5
"""Most lengths in the table by family."""


def print_summary(tables: Tables, findings: Sequence[str]) -> None:
    """Print a short table of accuracies, and the findings, to the terminal."""
    # Lines are not broken where the output goes to a file.
    console = Console(width=None if sys.stdout.isatty() else 200, highlight=False)
    for version, runs in shown_versions(finished(tables.runs))[0]:
        if many(runs):
            console.print(_by_family(runs, version))
            continue
        table = summary(runs)
        table = table[spread(map(float, table.columns), MOST_SCALES)]
        several = len(table.columns) > 1
        title = ", ".join(["accuracy by weight scale"] * several + [version] * bool(version))
        heads = [as_typed(scale) for scale in table.columns] if several else ["accuracy"]
        shown = Table("cell", "seq_len", *heads, title=title or None)
        for cell, rows in table.groupby(level="who"):
            for seq_len, row in rows.droplevel("who").iterrows():
                shown.add_row(str(cell), str(seq_len), *row)
            shown.add_section()
        if table.map(lambda text: text.startswith("~")).any(axis=None):
            shown.caption = "~ not above chance"
        console.print(shown)
    for sentence in findings:
        console.print(f"- {sentence}", markup=False)


def _by_family(runs: pd.DataFrame, version: str) -> Table:
    """Of many cells: how many of each family solve the task, and the best of them at the longest length."""
    lengths = spread(runs.seq_len, MOST_LENGTHS)
    heads = [f"solve it, {length:g} steps" for length in lengths]
    shown = Table("family", "cells", *heads, f"best, {runs.seq_len.max()} steps", title=version or None)
    for family, cells, solved, best, accuracy in family_table(by_condition(runs)):
        shown.add_row(
            family, str(cells), *(str(solved[int(length)]) for length in lengths), f"{best} {percent(accuracy)}"
        )
    return shown
