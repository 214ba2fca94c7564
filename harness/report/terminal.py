"""From tables to a report: one self-contained HTML page, its Markdown twin, and the figures as files.

``python -m harness.report DIR [DIR ...]`` builds the reports of results directories anew, from their tables.
"""

from __future__ import annotations

import sys

from rich.console import Console
from rich.table import Table

from harness.analysis.groups import finished, summary, versions
from harness.analysis.words import spread
from harness.report.build import _sentences
from harness.report.judging import judge
from harness.tables.tables import Tables

MOST_SCALES = 12
"""Most weight scales in the table on the terminal."""


def print_summary(tables: Tables) -> None:
    """Print the findings and a short table of accuracies to the terminal."""
    # Lines are not broken where the output goes to a file.
    console = Console(width=None if sys.stdout.isatty() else 200, highlight=False)
    for version, runs in versions(finished(tables.runs)):
        table = summary(runs)
        table = table[spread(map(float, table.columns), MOST_SCALES)]
        several = len(table.columns) > 1
        title = ", ".join(["accuracy by weight scale"] * several + [version] * bool(version))
        heads = [f"{scale:g}" for scale in table.columns] if several else ["accuracy"]
        shown = Table("cell", "seq_len", *heads, title=title or None)
        for cell, rows in table.groupby(level="cell"):
            for seq_len, row in rows.droplevel("cell").iterrows():
                shown.add_row(str(cell), str(seq_len), *row)
            shown.add_section()
        if table.map(lambda text: text.startswith("~")).any(axis=None):
            shown.caption = "~ not above chance"
        console.print(shown)
    for sentence in _sentences(judge(tables), tables):
        console.print(f"- {sentence}", markup=False)
