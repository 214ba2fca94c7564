"""From tables to a report: one self-contained HTML page, its Markdown twin, and the figures as files.

``python -m harness.report DIR [DIR ...]`` builds the reports of results directories anew, from their tables.
"""

from __future__ import annotations

import argparse
import base64
import json
import math
import shlex
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jinja2
import pandas as pd
import pyarrow.compute as pc
from rich.console import Console
from rich.table import Table

from harness.errors import UserError, reason
from harness.experiment import Experiment
from harness.figures import Figure
from harness.findings import SETTING, by_setting, contrast, factor, findings, finished, spread, summary, versions
from harness.gather import gather, load
from harness.gradient_flow import EXPLODING_ABOVE, VANISHING_BELOW
from harness.plugins import PACKAGE, registry
from harness.rendering import styled, svg_and_png
from harness.sweep_plan import missing
from harness.tables import RUN_OUTCOMES, RUN_SETTINGS, Tables, write_atomically, write_text

SHOWN_RUNS = 1000
"""Most rows in the report's table of runs; `tables/runs.csv` has all."""

MOST_ROWS = 20_000_000
"""Rows from which on figures get a table only in parts: as a DataFrame it would take gigabytes."""

SHOWN_SENTENCES = 3

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


@dataclass(frozen=True)
class Drawn:
    """A figure as the report shows it: files and data, or why there is none."""

    name: str
    title: str
    caption: str
    svg: str = ""
    problem: str = ""

    @property
    def data_uri(self) -> str:
        """The SVG as an image source that needs no file."""
        return "data:image/svg+xml;base64," + base64.b64encode(self.svg.encode()).decode()


@dataclass(frozen=True)
class Section:
    """What the report says of one experiment."""

    experiment: str
    about: str
    claim: str
    verdict: str
    figures: list[Drawn]
    sentences: list[dict[str, Any]]
    artefacts: list[str]


def build(directory: Path, tables: Tables) -> Path:
    """Write ``report.html``, ``report.md`` and ``figures/`` of a results directory.

    Returns:
        The path of ``report.html``.
    """
    names = list(dict.fromkeys(tables.runs.experiment))
    alone = len(names) == 1
    sections = [_section(directory, _only(tables, name, alone), name, alone) for name in names]
    columns = _columns(tables.runs)
    _remove_stale(directory / "figures", {figure.name for section in sections for figure in section.figures})
    view = {
        "title": _title(directory, names),
        "runs": tables.runs,
        "overview": _overview(tables.runs),
        "missing": str(missing(directory) or ""),
        "resume": shlex.join(["python", "-m", "harness", f"resume={directory}"]),
        "findings": findings(tables),
        "left_out": tables.left_out,
        "sections": sections,
        "columns": columns,
        "rows": [_row(run, columns) for _, run in tables.runs.head(SHOWN_RUNS).iterrows()],
        "provenance": _provenance(directory),
        "directory": directory,
        "rebuild": shlex.join(["python", "-m", "harness.report", str(directory)]),
        "below": VANISHING_BELOW,
        "above": EXPLODING_ABOVE,
    }
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(PACKAGE / "templates"), autoescape=True, trim_blocks=True, lstrip_blocks=True
    )
    for name in ("report.md", "report.html"):
        write_text(directory / name, environment.get_template(f"{name}.j2").render(view))
    return directory / "report.html"


def _only(tables: Tables, experiment: str, alone: bool) -> Tables:
    """The rows of one experiment."""
    if alone:
        return tables.limited(MOST_ROWS)
    runs = tables.runs[tables.runs.experiment == experiment]
    own = pc.field("run_id").isin(runs.run_id.tolist())
    others = {name: tables.scan(name).filter(own) for name in tables if name != "runs"}
    return Tables({"runs": runs, **others}, most_rows=MOST_ROWS)


def _section(directory: Path, tables: Tables, experiment: str, alone: bool) -> Section:
    about = claim = verdict = ""
    artefacts: list[str] = []
    if experiment in registry().names("experiment"):
        plugin = registry().get("experiment", experiment)
        about, claim = (plugin.__doc__ or "").strip().partition("\n")[0], plugin.claim
        verdict = _verdict(plugin, tables)
        artefacts = _artefacts(directory, plugin, tables)
    figures = sorted((plugin.target for plugin in registry().of_kind("figure")), key=lambda figure: figure.order)
    wanted = [figure for figure in figures if not figure.experiments or experiment in figure.experiments]
    drawn = [_draw(directory, figure(), tables, "" if alone else f"-{experiment}") for figure in wanted]
    return Section(
        experiment, about, claim, verdict, [each for each in drawn if each is not None], _sentences(tables), artefacts
    )


def _verdict(experiment: type[Experiment], tables: Tables) -> str:
    """Whether the results bear out the claim; a check that raises is a note."""
    try:
        verdict = experiment.bears_out(tables)
    except Exception as error:
        return f"could not be checked: {reason(error, experiment)}"
    if verdict is None:
        return "not tested by these runs."
    return f"{'borne out' if verdict.holds else 'not borne out'}. {verdict.numbers}"


def _artefacts(directory: Path, experiment: type[Experiment], tables: Tables) -> list[str]:
    """Write an experiment's own files; their paths from the report on. One that cannot be made is a note."""
    try:
        files = experiment.artefacts(tables)
    except Exception as error:
        return [f"could not be made: {reason(error, experiment)}"]
    for name, content in files.items():
        write_atomically(
            directory / "artefacts" / experiment.name / name,
            lambda temporary, content=content: temporary.write_bytes(content),  # type: ignore[misc]
        )
    return [f"artefacts/{experiment.name}/{name}" for name in files]


def _draw(directory: Path, figure: Figure, tables: Tables, suffix: str) -> Drawn | None:
    """Draw a figure into its files. A figure that raises is a note in the report, not its end."""
    name = figure.name + suffix
    try:
        with styled():
            canvas = figure.draw(tables)
        if canvas is None:
            return None
        svg, png = svg_and_png(canvas)
    except Exception as error:
        return Drawn(name, figure.title, figure.caption, problem=reason(error, figure))
    write_text(directory / "figures" / f"{name}.svg", svg)
    write_atomically(directory / "figures" / f"{name}.png", lambda temporary: temporary.write_bytes(png))
    return Drawn(name, figure.title, figure.caption, svg=svg)


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


def _sentences(tables: Tables) -> list[dict[str, Any]]:
    """A few held-out sentences with the right answer and what each cell answered, at the contrast's length."""
    runs = finished(tables.runs)
    if "samples" not in tables:
        return []
    runs = runs[runs.run_id.isin(tables.read("samples", ["run_id"]).run_id.unique())]
    if not len(runs):
        return []
    pair = contrast(by_setting(runs))
    seq_len = pair[0].seq_len if pair else runs.seq_len.max()
    chosen = runs[(runs.seq_len == seq_len) & (runs.seed == runs.seed.min())].drop_duplicates(SETTING)
    own = pc.field("run_id").isin(chosen.run_id.tolist()) & (pc.field("sample") < SHOWN_SENTENCES)
    answers = tables.read("samples", filters=own).merge(chosen[["run_id", *SETTING]], on="run_id")
    shown = []
    for _, rows in answers.groupby("sample"):
        first = rows.iloc[0]
        given = [
            {
                "who": f"{row.cell}, {row.weight_scale:g}",
                "answered": row.answered,
                "right": row.answered == row.expected,
            }
            for _, row in rows.iterrows()
        ]
        shown.append({"text": first.text, "translation": first.translation, "expected": first.expected, "given": given})
    return shown


def print_summary(tables: Tables) -> None:
    """Print the findings and a short table of accuracies to the terminal."""
    # Lines are not broken where the output goes to a file.
    console = Console(width=None if sys.stdout.isatty() else 200, highlight=False)
    for version, runs in versions(finished(tables.runs)):
        table = summary(runs)
        table = table[spread(map(float, table.columns), MOST_SCALES)]
        title = "accuracy by weight scale" + (f", {version}" if version else "")
        shown = Table("cell", "seq_len", *(f"{scale:g}" for scale in table.columns), title=title)
        for cell, rows in table.groupby(level="cell"):
            for seq_len, row in rows.droplevel("cell").iterrows():
                shown.add_row(str(cell), str(seq_len), *row)
            shown.add_section()
        shown.caption = "~ not above chance"
        console.print(shown)
    for sentence in findings(tables):
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


if __name__ == "__main__":
    sys.exit(main())
