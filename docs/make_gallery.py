"""Makes ``docs/gallery.md`` out of results: ``python docs/make_gallery.py DIR [DIR ...]``, one directory per study.

Every sentence and number of the page comes from the experiments' code and from the tables.
"""

from __future__ import annotations

import inspect
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import matplotlib as mpl
from pages import picture, save, typed

import harness
from harness.analysis import findings, versions
from harness.base.paths import shipped_folder
from harness.figures import Figure
from harness.plugins.registry import registry
from harness.report.sections import about_level
from harness.sweeping.provenance import commands_of, read_provenance
from harness.tables import Tables

DOCS = Path(__file__).parent
COLOURS = 128
"""Of a picture."""

HEAD = """\
# Gallery

What each experiment asks, what it claims, and what came of it: its own sweep (`python -m harness -m +study=NAME`), run
once, on seeds on which nobody had looked when the claims and settings were chosen (`weight_product` needs none). The
report of such a sweep shows more. A study that looks into the networks with a probe (`gates`) has an entry of its own.

Second pictures show how much gradient of the answer arrives at each step after the training, against the lag, the
distance back from the answer: read from left to right, the error travels back in time. Thick lines are medians over the
runs, thin ones single runs (a band, of more than five). A dotted line marks the cue, where what has to be remembered
stands. A task in several versions has such pictures in its report, one for each.

"""


def main(directories: list[str]) -> None:
    """Write the page and its pictures."""
    mpl.use("agg")
    (DOCS / "gallery").mkdir(exist_ok=True)
    for directory in map(Path, directories):
        for name, text in entries(directory):
            (DOCS / "gallery" / f"{name}.md").write_text(text, "utf-8")
    known = [path.read_text("utf-8") for path in sorted((DOCS / "gallery").glob("*.md"))]
    (DOCS / "gallery.md").write_text(HEAD + "\n".join(known), "utf-8")


def entries(directory: Path) -> Iterator[tuple[str, str]]:
    """Name and text of what a results directory shows: a study with a probe, or else each of its experiments."""
    tables, provenance = harness.load(directory), read_provenance(directory)
    command = "`, then `".join(map(typed, commands_of(provenance)))
    figures = [plugin.target for plugin in registry().of_kind("figure")]
    probing = [figure for figure in figures if figure.probes and {*figure.probes} <= {*tables}]
    study = shipped_folder("conf") / "study" / f"{provenance.get('study')}.yaml"
    if probing and study.exists():
        said = next(iter(findings(tables)), "nothing that numbers tell")
        yield study.stem, entry(study.stem, comments(study), f"**Result** of `{command}`: {said}", probing, tables)
        return
    for name in dict.fromkeys(tables.runs.experiment):
        experiment = registry().get("experiment", name)
        verdict = experiment.bears_out(tables)
        said = "not checked by a number" if verdict is None else ("borne out: " if verdict.holds else "not borne out: ")
        result = f"**Result** of `{command}`: {said}{verdict.numbers if verdict else ''}"
        own = [figure for figure in figures if name in figure.experiments]
        usual = [
            figure
            for wanted in ("accuracy_by_option", "accuracy_map", "learning_curves")
            for figure in figures
            if figure.name == wanted
        ]
        about = inspect.cleandoc(experiment.__doc__ or "")
        level = f"{about_level(experiment)}\n\n" if experiment.level else ""
        text = entry(name, about, f"{level}**Claim.** {experiment.claim}\n\n{result}", [*own, *usual], tables)
        if len(list(versions(tables.runs))) == 1:
            gradient = registry().get("figure", "gradient_profile_trained")
            keep(f"{name}-gradient", first_drawn(name, [gradient], tables)[1])
            text += f"\n![{gradient.title}](gallery/{name}-gradient.png)\n"
        yield name, text


def comments(study: Path) -> str:
    """What a study's file says of it."""
    lines = [line for line in study.read_text("utf-8").splitlines() if line.startswith("#") and "@package" not in line]
    return "\n".join(line.removeprefix("#").removeprefix(" ") for line in lines)


def entry(name: str, about: str, result: str, figures: Sequence[type[Figure]], tables: Tables) -> str:
    """The text of an entry; its picture goes to the disk."""
    figure, png = first_drawn(name, figures, tables)
    keep(name, png)
    return (
        f"## {name}\n\n```text\n{about}\n```\n\n{result}\n\n"
        f"![{figure.title}](gallery/{name}.png)\n\n*{figure.title}. {figure.caption}*\n"
    )


def keep(name: str, png: bytes) -> None:
    """Put a picture of an entry on the disk."""
    save(DOCS / "gallery" / f"{name}.png", png, COLOURS)


def first_drawn(name: str, figures: Sequence[type[Figure]], tables: Tables) -> tuple[type[Figure], bytes]:
    """The first of these figures that these tables can show."""
    for figure in figures:
        if png := picture(figure, tables):
            return figure, png
    raise ValueError(f"{name}: no figure can be drawn of these tables")


if __name__ == "__main__":
    main(sys.argv[1:])
