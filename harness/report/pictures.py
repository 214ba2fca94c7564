"""Drawing every figure of a report into its files."""

from __future__ import annotations

import base64
import re
import sys
from collections import Counter, deque
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from harness.base.errors import reason
from harness.base.files import within, write_atomically, write_text
from harness.base.hashes import short_hash
from harness.figures.base import Figure
from harness.plugins.registry import registry
from harness.report.renderers import Renderers, Rendering
from harness.report.rendering import styled, width_in_ems
from harness.tables.tables import Tables

AHEAD = 8
"""Figures that are drawn while earlier ones are being rendered: each may hold the data of thousands of runs."""


LONGEST_MARK = 80
"""Most characters of a version in the name of a file."""


@dataclass(frozen=True)
class Wanted:
    """A picture that is to be made.

    Attributes:
        version: what tells the version of the task that it shows from the others; empty where there is but one.
        tables: those of the version.
        name: of its files.
    """

    figure: Figure
    experiment: str
    version: str
    tables: Tables
    name: str


@dataclass(frozen=True)
class Picture:
    """A picture that was made, or why it could not be."""

    wanted: Wanted
    svg: str = ""
    problem: str = ""

    @property
    def ems(self) -> float:
        """Width in ems of the picture's type."""
        return width_in_ems(self.svg)

    @property
    def data_uri(self) -> str:
        """The SVG as an image source that needs no file."""
        return as_data_uri(self.svg)


def as_data_uri(svg: str) -> str:
    """An SVG as an image source that needs no file."""
    return "data:image/svg+xml;base64," + base64.b64encode(svg.encode()).decode()


def wanted(experiment: str, own: Tables, parts: Sequence[tuple[str, Tables]], suffix: str) -> Iterator[Wanted]:
    """All pictures that there may be of an experiment, in their order.

    Args:
        own: the tables of the experiment.
        parts: those of its versions, and what tells them apart.
        suffix: of the files' names.
    """
    marks = _marks([version for version, _ in parts])
    for figure in sorted((plugin.target for plugin in registry().of_kind("figure")), key=lambda each: each.order):
        if figure.experiments and experiment not in figure.experiments:
            continue
        for version, tables in [("", own)] if figure.across_versions else parts:
            mark = marks.get(version, "")
            name = figure.name + suffix + (f"-{mark}" if mark else "")
            yield Wanted(figure(), experiment, version, tables, name)


def _marks(versions: Sequence[str]) -> dict[str, str]:
    """What tells the versions apart in names of files: their words, with a hash where these alone would not do."""
    words = {version: re.sub(r"[^A-Za-z0-9.]+", "_", version) for version in versions}
    # Some file systems take no difference between capital and small letters.
    counts = Counter(word.casefold() for word in words.values())
    return {
        version: word
        if version == word == "" or (counts[word.casefold()] == 1 and len(word) <= LONGEST_MARK and word)
        else f"{word[:LONGEST_MARK]}-{short_hash(version, 8)}"
        for version, word in words.items()
    }


def draw_all(directory: Path, everything: Sequence[Wanted]) -> list[Picture]:
    """Make the pictures that have something to show; what lies in ``figures/`` besides is removed.

    Raises:
        UserError: ``figures/`` is a link that leads out of the directory.
    """
    within(directory, "figures")
    with closing(Renderers(len(everything))) as pool:
        pictures = []
        under_way: deque[tuple[Wanted, Rendering | Exception]] = deque()
        for each in everything:
            if (drawn := _drawn(each, pool)) is not None:
                under_way.append((each, drawn))
            if len(under_way) > AHEAD:
                pictures.append(_written(directory, *under_way.popleft()))
        pictures += [_written(directory, *each) for each in under_way]
    names = {picture.wanted.name for picture in pictures}
    for path in [*(directory / "figures").glob("*.svg"), *(directory / "figures").glob("*.png")]:
        if path.stem not in names:
            path.unlink()
    return pictures


def _drawn(wanted: Wanted, pool: Renderers) -> Rendering | Exception | None:
    """A picture on its way, or what its figure has raised; None where it has nothing to show."""
    try:
        with styled():
            canvas = wanted.figure.draw(wanted.tables)
        return None if canvas is None else pool.render(canvas)
    except Exception as error:
        return error
    except SystemExit as error:
        return RuntimeError(f"ends the program with sys.exit({error.code})")


def _written(directory: Path, wanted: Wanted, drawn: Rendering | Exception) -> Picture:
    """The picture, in its files. A figure that raises is a note in the report and on stderr, not their end."""
    try:
        if isinstance(drawn, Exception):
            raise drawn
        svg, png = drawn.result()
    except Exception as error:
        problem = reason(error, wanted.figure)
        print(f"figure {wanted.name} could not be drawn: {problem}", file=sys.stderr)
        return Picture(wanted, problem=problem)
    write_text(directory / "figures" / f"{wanted.name}.svg", svg)
    write_atomically(directory / "figures" / f"{wanted.name}.png", lambda temporary: temporary.write_bytes(png))
    return Picture(wanted, svg)
