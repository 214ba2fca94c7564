"""From tables to a report: one self-contained HTML page, its Markdown twin, and the figures as files.

``python -m harness.report DIR [DIR ...]`` builds the reports of results directories anew, from their tables.
"""

from __future__ import annotations

import argparse
import json
import math
import shlex
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import jinja2
import pandas as pd
from rich.console import Console
from rich.table import Table

from harness import choices
from harness.errors import UserError
from harness.findings import SETTING, factor, findings, finished, spread, summary, varied_options, versions
from harness.gather import gather, load
from harness.glossary import WORDS
from harness.plugins import PACKAGE, use
from harness.sections import Judged, judge, section
from harness.sweep_plan import missing
from harness.tables import RUN_OUTCOMES, RUN_SETTINGS, Tables, write_text

SHOWN_RUNS = 1000
"""Most rows in the report's table of runs; `tables/runs.csv` has all."""

MOST_SCALES = 12
"""Most weight scales in the table on the terminal."""

OUTCOMES = {
    "status": "status",
    "accuracy": "accuracy",
    "solved": "solved",
    "loss": "loss",
    "decay_rate_init": "factor per step before",
    "decay_rate": "factor per step after",
    "grad_ratio": "gradient at cue / at end",
    "horizon": "horizon",
    "verdict": "verdict",
    "diverged_at": "diverged at",
    "steps": "steps",
    "seconds": "seconds",
}
"""Columns of the report's table of runs, after the settings, with the names they have there."""


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
        loader=jinja2.FileSystemLoader(PACKAGE / "templates"), trim_blocks=True, lstrip_blocks=True, **escaping
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


def _columns(runs: pd.DataFrame) -> dict[str, str]:
    """Columns of the table of runs: what identifies a run, every other setting that varies, outcomes."""
    base = [*SETTING, "seed"]
    settings = [name for name in runs.columns if name not in ("run_id", *base, *RUN_OUTCOMES)]
    varying = [name for name in settings if _varies(runs, name)]
    first = [name for name in RUN_SETTINGS if name in base or name in varying]
    rest = [name for name in varying if name not in first]
    if "reason" in runs and runs.reason.notna().any():
        rest.append("reason")
    return {**{name: name for name in [*first, *rest]}, **OUTCOMES}


def _varies(runs: pd.DataFrame, setting: str) -> bool:
    """Whether runs differ in a setting; that other cells do not have it is no difference."""
    within = runs.groupby("cell")[setting].nunique(dropna=False)
    return runs[setting].nunique() > 1 or bool((within > 1).any())


def _row(run: pd.Series, columns: dict[str, str]) -> dict[str, Any]:
    """A run for the table: each cell's text, and the value it sorts by."""
    return {"status": run.status, "cells": [_cell(name, run[name]) for name in columns]}


def _cell(name: str, value: Any) -> dict[str, Any]:
    if value is None or pd.isna(value):
        return {"text": "–", "sort": ""}
    if name.startswith("decay_rate"):
        value = factor(value)
    if isinstance(value, bool) or name == "solved":
        return {"text": "yes" if value else "no", "sort": int(value)}
    if isinstance(value, str):
        return {"text": value, "sort": value, "wraps": name == "reason"}
    number = float(value)
    return {"text": f"{number:.4g}", "sort": repr(number)}


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


def main(arguments: Sequence[str] | None = None) -> int:
    """``python -m harness.report``: rebuild reports; the last line printed is a report's path.

    A job with a damaged table is left out, with a line on stderr that names the file; the exit code is 0 all the
    same: there is a report, and it says what is missing.
    """
    parser = argparse.ArgumentParser(prog="python -m harness.report", description="Rebuild reports from their tables.")
    parser.add_argument("directories", nargs="+", type=Path, metavar="DIR", help="a results directory")
    try:
        for directory in parser.parse_args(arguments).directories:
            _use_plugin_files(directory)
            has_jobs = any(directory.glob("jobs/*/tables/runs.parquet"))
            tables = gather(directory, skip_damaged=True) if has_jobs else load(directory)
            for problem in tables.left_out:
                print(f"left out: {problem}", file=sys.stderr)
            path = build(directory, tables)
            if (left := missing(directory)) and left.runs:
                print(left)
            print(path)
    except UserError as error:
        print(f"harness.report: {error}", file=sys.stderr)
        return 1
    return 0


def _use_plugin_files(directory: Path) -> None:
    """Take in the plugin files that the results were made with; without one, there is a report all the same."""
    for path in choices.files(_provenance(directory).get("arguments", [])):
        try:
            use([path])
        except UserError:
            print(f"left out: the claims and figures of {path}: there is no such file now", file=sys.stderr)


if __name__ == "__main__":
    sys.exit(main())
