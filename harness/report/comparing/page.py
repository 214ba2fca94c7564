"""The page of a comparison, and its table as a file."""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from harness.analysis.about_comparison import in_words, interval, name_of, seeds, word_of
from harness.analysis.comparison import Comparison, compare
from harness.analysis.measures import Measure
from harness.base.files import within, write_atomically, write_text
from harness.base.language import gettext as _
from harness.base.language import written_in
from harness.report.comparing.picture import caption, draw
from harness.report.pages import render
from harness.report.pictures import as_data_uri
from harness.report.rendering import styled, svg_alone, width_in_ems
from harness.sweeping.plan import missing
from harness.sweeping.provenance import language_of, plugins_of, read_provenance

SHOWN_CONDITIONS = 500
"""Most rows in a table of the page; the CSV beside it has all."""

LONGEST_NAME = 80
"""Characters of the second directory's name in that of the page."""


@dataclass(frozen=True)
class Panel:
    """What the page says of one measure.

    Attributes:
        svg: its picture, an image source.
        ems: the picture's width, in ems of its type.
        rows: of its table, each the texts of its cells and what is certain of it.
        left_out: how many rows the table has besides.
    """

    name: str
    svg: str
    ems: float
    caption: str
    rows: list[tuple[list[str], str]]
    left_out: int


def write_comparison(
    before: Path, after: Path, runs: tuple[pd.DataFrame, pd.DataFrame], language: str | None = None
) -> Path:
    """Compare two sweeps, and write the page and its table into the directory of the first.

    Args:
        before: directory of the sweep before the change.
        after: of the one after it.
        runs: their tables of runs, as `harness.report.parts.with_short_names` gives them.
        language: in which it is written; None: that of the first sweep.

    Returns:
        The path of ``compare-<after>.html``; ``compare-<after>.csv`` stands beside it.

    Raises:
        UserError: no condition stands in both, there is no such language, or the page's place is a link that leads out
            of the directory.
        OSError: the disk takes no more.
    """
    with written_in(language or language_of(read_provenance(before))):
        return _write(before, after, runs)


def _write(before: Path, after: Path, runs: tuple[pd.DataFrame, pd.DataFrame]) -> Path:
    found = compare(runs[0], runs[1], (str(before), str(after)))
    name = re.sub(r"[^\w.-]+", "_", after.resolve().name)[:LONGEST_NAME] or "sweep"
    path = within(before, f"compare-{name}.html")
    view = {
        "found": found,
        "versions": _versions(read_provenance(before), read_provenance(after)),
        "unfinished": [str(left) for each in (before, after) if (left := missing(each)) and left.runs],
        "panels": [_panel(found, measure) for measure in found.measures()],
        "conditions": found.conditions.head(SHOWN_CONDITIONS).to_dict("records"),
        "csv": f"compare-{name}.csv",
        "command": shlex.join(["python", "-m", "harness.report", str(before), "--compare", str(after)]),
    }
    table = within(before, f"compare-{name}.csv")
    write_atomically(table, lambda temporary: found.table.to_csv(temporary, index=False))
    write_text(path, render("compare.html", view))
    return path


def _panel(found: Comparison, measure: Measure) -> Panel:
    with styled():
        svg = svg_alone(draw(found, measure))
    rows = found.table[found.table.measure == measure.name]
    shown = [(_cells(row), str(row.claim)) for row in rows.head(SHOWN_CONDITIONS).itertuples()]
    name = name_of(measure.name)
    return Panel(name, as_data_uri(svg), width_in_ems(svg), caption(measure), shown, len(rows) - len(shown))


def _cells(row: Any) -> list[str]:
    """The texts of a row: condition, before, after, change, interval, seeds, chance, what is certain."""
    left_out = f" ({_('{count} left out').format(count=row.left_out)})" if row.left_out else ""
    return [
        row.condition,
        in_words(row.measure, row.before),
        in_words(row.measure, row.after),
        in_words(row.measure, row.change, sign=True),
        interval(row) if not row.same else "–",
        seeds(row) + left_out,
        f"{row.p_holm:.2g}" if row.p_holm == row.p_holm else "–",
        word_of(row.claim) if row.claim else _("the same") if row.same and row.n_after else "",
    ]


def _versions(before: dict[str, Any], after: dict[str, Any]) -> list[str]:
    """Versions and plugins' code in which two sweeps differ, as far as both have noted them."""
    first, second = (known.get("versions") or {} for known in (before, after))
    both = [name for name in first if name in second]
    lines = [f"{name}: {first[name]} → {second[name]}" for name in both if first[name] != second[name]]
    own, other = plugins_of(before), plugins_of(after)
    changed = [path for path in own if path in other and own[path] != other[path]]
    return [*lines, *(_("the code of {path}").format(path=path) for path in changed)]
