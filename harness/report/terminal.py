"""What is said on the terminal at the end of a sweep."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from rich.console import Console
from rich.table import Table

from harness.base.language import SOURCE, written_in
from harness.report.short_tables import short_tables
from harness.tables.tables import Tables


def print_summary(tables: Tables, findings: Sequence[str], language: str = SOURCE) -> None:
    """Print a short table of accuracies, and the findings, to the terminal.

    Args:
        language: of the report, in which the findings are.
    """
    # Lines are not broken where the output goes to a file.
    console = Console(width=None if sys.stdout.isatty() else 200, highlight=False)
    with written_in(language):
        shorts = list(short_tables(tables))
    for each in shorts:
        shown = Table(*each.heads, title=each.title or None, caption=each.caption or None)
        for rows in each.sections:
            for row in rows:
                shown.add_row(*row)
            shown.add_section()
        console.print(shown)
    for sentence in findings:
        console.print(f"- {sentence}", markup=False)
