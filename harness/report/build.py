"""From tables to a report: one self-contained HTML page, its Markdown twin, and the figures as files.

``python -m harness.report DIR [DIR ...]`` builds the reports of results directories anew, from their tables.
"""

from __future__ import annotations

import json
import math
import shlex
from pathlib import Path
from typing import Any

import jinja2
import pandas as pd

from harness.analysis.groups import varied_options
from harness.analysis.sentences import findings
from harness.base.files import write_text
from harness.report.glossary import WORDS
from harness.report.judging import Judged, judge
from harness.report.run_table import SHOWN_RUNS, _columns, _row
from harness.report.sections import section
from harness.sweep.plan import missing
from harness.tables.tables import Tables


def build(directory: Path, tables: Tables) -> Path:
    """Write ``report.html``, ``report.md`` and ``figures/`` of a results directory.

    Returns:
        The path of ``report.html``.
    """
    names = list(dict.fromkeys(tables.runs.experiment))
    judged = judge(tables)
    sections = [section(directory, tables, name, judged.get(name)) for name in names]
    columns = _columns(tables.runs)
    pictures = [picture for each in sections for figure in each.figures for picture in figure.pictures]
    _remove_stale(directory / "figures", {picture.name for picture in pictures})
    view = {
        "title": _title(directory, names),
        "runs": tables.runs,
        "overview": _overview(tables.runs),
        "missing": str(missing(directory) or ""),
        "resume": shlex.join(["python", "-m", "harness", f"resume={directory}"]),
        "findings": _sentences(judged, tables),
        "left_out": tables.left_out,
        "sections": sections,
        "columns": columns,
        "rows": [_row(run, columns) for _, run in tables.runs.head(SHOWN_RUNS).iterrows()],
        "provenance": _provenance(directory),
        "directory": directory,
        "rebuild": shlex.join(["python", "-m", "harness.report", str(directory)]),
        "words": WORDS,
    }
    for name, environment in (
        ("report.md", _templates(finalize=_without_markup)),
        ("report.html", _templates(autoescape=True)),
    ):
        write_text(directory / name, environment.get_template(f"{name}.j2").render(view))
    return directory / "report.html"


def _sentences(judged: dict[str, Judged], tables: Tables) -> list[str]:
    """What came of the claims that were tested, and then what else was found."""
    return [*(each.outcome for each in judged.values() if each.outcome), *findings(tables)]


def _templates(**escaping: Any) -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).parent / "templates"),
        trim_blocks=True,
        lstrip_blocks=True,
        **escaping,
    )
    environment.filters.update(beginning=_beginning, ending=_ending)
    return environment


def _without_markup(value: Any) -> Any:
    """A value as Markdown text: tags are no tags; quotes stay as they are, unlike in HTML's attributes."""
    if hasattr(value, "__html__"):  # what the template calls safe
        return value
    return str(value).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _beginning(text: str, most: int) -> str:
    """The first characters of a text, up to a space where there is one in their second half."""
    space = text.rfind(" ", most // 2, most + 1)
    return text[: most if space < 0 else space]


def _ending(text: str, most: int) -> str:
    """The last characters of a text, from a space on where there is one in their first half."""
    space = text.find(" ", len(text) - most - 1, len(text) - most // 2)
    return text[len(text) - most if space < 0 else space + 1 :]


def _remove_stale(folder: Path, names: set[str]) -> None:
    for path in [*folder.glob("*.svg"), *folder.glob("*.png")]:
        if path.stem not in names:
            path.unlink()


def _title(directory: Path, experiments: list[str]) -> str:
    study = _provenance(directory).get("study")
    return str(study) if study else ", ".join(experiments)


def _provenance(directory: Path) -> dict[str, Any]:
    try:
        found = json.loads((directory / "provenance.json").read_text("utf-8"))
    except (FileNotFoundError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def _overview(runs: pd.DataFrame) -> str:
    """``108 runs: 4 cells × 3 lengths × 3 weight scales × 3 seeds``, with commas where it is no such product."""
    words = {"cell": "cells", "seq_len": "lengths", "weight_scale": "weight scales", "seed": "seeds"}
    words |= {option: f"values of {option.removeprefix('experiment.')}" for option in varied_options(runs)}
    counts = {word: count for key, word in words.items() if (count := runs[key].nunique()) > 1}
    join = " × " if math.prod(counts.values()) == len(runs) else ", "
    varying = join.join(f"{count} {word}" for word, count in counts.items())
    return ("1 run" if len(runs) == 1 else f"{len(runs)} runs") + (f": {varying}" if varying else "")
