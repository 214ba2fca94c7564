"""What a report says of one experiment: its claim and what came of it, samples in words, figures, own files."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness.analysis.families import by_family, many
from harness.analysis.runs import finished, shown_versions
from harness.analysis.words import together
from harness.base.errors import UserError, reason
from harness.base.files import NO_ROOM, within, write_atomically
from harness.base.language import gettext as _
from harness.figures.base import Figure
from harness.figures.drawing.colours import palette
from harness.plugins.registry import registry
from harness.report.cells import CellTable, cell_tables
from harness.report.claims import ClaimResult
from harness.report.parts import of_experiment, of_runs
from harness.report.pictures import Picture, Wanted, wanted
from harness.report.samples import samples
from harness.tables.tables import Tables
from harness.tasks.experiment import Experiment

SHOWN_SAMPLES = 3
"""Samples of a task in the report; of a task in several versions one each."""


@dataclass(frozen=True)
class Section:
    """What the report says of one experiment.

    Attributes:
        claim: what came of its claim; None where there is no such experiment any more.
        wanted: the pictures that there may be.
        artefacts: paths of its own files, from the report on, or why they could not be made.
        colours: what the figures draw each cell in, of many cells each family.
        cells: of many cells, what there is to say of each; empty where the findings tell of them one by one.
    """

    experiment: str
    about: str
    claim: ClaimResult | None
    samples: list[dict[str, Any]]
    wanted: list[Wanted]
    artefacts: list[str]
    colours: dict[str, str]
    cells: list[CellTable]

    def figures(self, pictures: Sequence[Picture]) -> list[tuple[Figure, list[Picture]]]:
        """Its figures, each with its pictures among these: one, or one for each version of the task."""
        found: dict[str, tuple[Figure, list[Picture]]] = {}
        for picture in pictures:
            if picture.wanted.experiment == self.experiment:
                figure = picture.wanted.figure
                found.setdefault(figure.name, (figure, []))[1].append(picture)
        return list(found.values())


def section(directory: Path, tables: Tables, experiment: str, claim: ClaimResult | None) -> Section:
    """What there is to say of one experiment; its artefacts are written to the results directory.

    Args:
        tables: those of the whole sweep.
        claim: what came of its claim; None where there is no such experiment any more.
    """
    own = of_experiment(tables, experiment)
    about, artefacts = "", []
    if claim is not None:
        plugin = registry().get("experiment", experiment)
        about = together(filter(None, [_(first_line(plugin)), about_level(plugin)]))
        artefacts = _artefacts(directory, plugin, own)
    apart, __ = shown_versions(own.runs)
    parts = [(version, of_runs(own, runs)) for version, runs in apart] if len(apart) > 1 else [("", own)]
    named = finished(own.runs)
    # A name from a table may hold anything.
    suffix = "" if len(own.runs) == len(tables.runs) else "-" + re.sub(r"[^\w.]+", "_", experiment)[:80]
    most = SHOWN_SAMPLES if len(parts) == 1 else 1
    return Section(
        experiment, about, claim,
        samples=[sample for version, part in parts for sample in samples(part, version, most)],
        wanted=list(wanted(experiment, own, parts, suffix)),
        artefacts=artefacts,
        colours=palette(by_family(named) if many(named) else named),
        cells=cell_tables(parts),
    )  # fmt: skip


def about_level(experiment: type[Experiment]) -> str:
    """The level of its language in the Chomsky hierarchy, in a sentence; empty where it names none."""
    levels = {
        "regular": _("In the Chomsky hierarchy it is regular: finitely many states are enough."),
        "context-free": _("In the Chomsky hierarchy it is context-free: a stack is enough."),
        "context-sensitive": _("In the Chomsky hierarchy it is context-sensitive: a tape is needed."),
    }
    return levels[experiment.level] if experiment.level else ""


def first_line(plugin: type) -> str:
    """What a plugin says of itself, in a sentence."""
    return (plugin.__doc__ or "").strip().partition("\n")[0]


def _artefacts(directory: Path, experiment: type[Experiment], tables: Tables) -> list[str]:
    """Write an experiment's own files; their paths from the report on. What cannot be made is a note.

    Raises:
        OSError: the disk takes no more.
    """
    found = []
    try:
        home = within(directory, f"artefacts/{experiment.name}")
        for name, content in experiment.artefacts(tables).items():
            path = within(home, name)
            if path.resolve() == home.resolve():
                raise UserError(f"{name!r} is no name of a file")
            write_atomically(path, lambda temporary, content=content: temporary.write_bytes(content))  # type: ignore[misc]
            found.append(f"artefacts/{experiment.name}/{name}")
    except (Exception, SystemExit) as error:
        if isinstance(error, OSError) and error.errno in NO_ROOM:
            raise
        found.append(_("could not be made: {problem}").format(problem=reason(error, experiment)))
    return found
