"""What a report says of one experiment: whether the results bear out its claim, samples in words, figures."""

from __future__ import annotations

import base64
import re
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow.compute as pc

from harness.analysis.groups import SETTING, by_setting, contrast, finished, versions
from harness.analysis.words import percent
from harness.base.errors import reason
from harness.base.files import write_atomically, write_text
from harness.figures.base import Figure
from harness.plugins.registry import registry
from harness.report.judging import Judged, _of_experiment, _of_runs
from harness.report.rendering import styled, svg_and_png, width_in_ems
from harness.tables.tables import Tables
from harness.tasks.experiment import Experiment

SHOWN_SAMPLES = 3
"""Samples of a task in the report; of a task in several versions one each."""


@dataclass(frozen=True)
class Picture:
    """A picture of a figure: its files' name and data, or why there is none.

    Attributes:
        version: what tells the version of the task that it shows from the others; empty where there is but one.
    """

    name: str
    version: str
    svg: str = ""
    problem: str = ""

    @property
    def ems(self) -> float:
        """Width in ems of the picture's type."""
        return width_in_ems(self.svg)

    @property
    def data_uri(self) -> str:
        """The SVG as an image source that needs no file."""
        return "data:image/svg+xml;base64," + base64.b64encode(self.svg.encode()).decode()


@dataclass(frozen=True)
class Drawn:
    """A figure as the report shows it: of a task in several versions a picture each."""

    title: str
    caption: str
    pictures: list[Picture]


@dataclass(frozen=True)
class Section:
    """What the report says of one experiment."""

    experiment: str
    about: str
    judged: Judged | None
    figures: list[Drawn]
    samples: list[dict[str, Any]]
    artefacts: list[str]


def section(directory: Path, tables: Tables, experiment: str, judged: Judged | None) -> Section:
    """What there is to say of one experiment; its figures and artefacts are written to the results directory.

    Args:
        tables: those of the whole sweep.
        judged: its claim; None where there is no such experiment any more.
    """
    own = _of_experiment(tables, experiment)
    about, artefacts = "", []
    if judged is not None:
        plugin = registry().get("experiment", experiment)
        about, artefacts = (plugin.__doc__ or "").strip().partition("\n")[0], _artefacts(directory, plugin, own)
    apart = list(versions(own.runs))
    parts = [(label, _of_runs(own, runs)) for label, runs in apart] if len(apart) > 1 else [("", own)]
    suffix = "" if len(own.runs) == len(tables.runs) else f"-{experiment}"
    most = SHOWN_SAMPLES if len(parts) == 1 else 1
    return Section(
        experiment, about, judged,
        figures=list(_figures(directory, experiment, own, parts, suffix)),
        samples=[sample for label, part in parts for sample in _samples(part, label, most)],
        artefacts=artefacts,
    )  # fmt: skip


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


def _figures(
    directory: Path, experiment: str, own: Tables, parts: Sequence[tuple[str, Tables]], suffix: str
) -> Iterator[Drawn]:
    """All figures that have something to show, in their order.

    Args:
        own: the tables of the experiment.
        parts: those of its versions, and what tells them apart.
        suffix: of the files' names.
    """
    for figure in sorted((plugin.target for plugin in registry().of_kind("figure")), key=lambda each: each.order):
        if figure.experiments and experiment not in figure.experiments:
            continue
        wanted = [("", own)] if figure.across_versions else parts
        pictures = [_draw(directory, figure(), tables, suffix, label) for label, tables in wanted]
        if found := [picture for picture in pictures if picture is not None]:
            yield Drawn(figure.title, figure.caption, found)


def _draw(directory: Path, figure: Figure, tables: Tables, suffix: str, version: str) -> Picture | None:
    """Draw a figure into its files. A figure that raises is a note in the report and on stderr, not their end."""
    mark = re.sub(r"[^\w.]+", "_", version)
    name = figure.name + suffix + (f"-{mark}" if mark else "")
    try:
        with styled():
            canvas = figure.draw(tables)
        if canvas is None:
            return None
        svg, png = svg_and_png(canvas)
    except Exception as error:
        problem = reason(error, figure)
        print(f"figure {name} could not be drawn: {problem}", file=sys.stderr)
        return Picture(name, version, problem=problem)
    write_text(directory / "figures" / f"{name}.svg", svg)
    write_atomically(directory / "figures" / f"{name}.png", lambda temporary: temporary.write_bytes(png))
    return Picture(name, version, svg)


def _samples(tables: Tables, version: str, most: int) -> list[dict[str, Any]]:
    """A few held-out samples with the right answer and what each cell answered, at the contrast's length."""
    runs = finished(tables.runs)
    if "samples" not in tables:
        return []
    runs = runs[runs.run_id.isin(tables.read("samples", ["run_id"]).run_id.unique())]
    if not len(runs):
        return []
    pair = contrast(by_setting(runs))
    seq_len = pair[0].seq_len if pair else runs.seq_len.max()
    chosen = runs[(runs.seq_len == seq_len) & (runs.seed == runs.seed.min())].drop_duplicates(SETTING)
    own = pc.field("run_id").isin(chosen.run_id.tolist()) & (pc.field("sample") < most)
    answers = tables.read("samples", filters=own).merge(chosen[["run_id", *SETTING]], on="run_id")
    scales = chosen.weight_scale.nunique() > 1
    shown = []
    for _, rows in answers.groupby("sample"):
        first = rows.iloc[0]
        given = [
            {
                "who": f"{row.cell}, scale {row.weight_scale:g}" if scales else row.cell,
                "answered": row.answered,
                "right": row.accuracy == 1,
                "said": row.answered != first.expected,
                "share": f", {percent(row.accuracy)} right" if 0 < row.accuracy < 1 else "",
            }
            for _, row in rows.iterrows()
        ]
        said = {key: first[key] for key in ("text", "translation", "expected")}
        shown.append({**said, "version": version, "given": given})
    return shown
