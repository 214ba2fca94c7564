"""Makes ``docs/gallery.md`` out of results: ``python docs/make_gallery.py DIR [DIR ...]``, one directory per study.

Every sentence and number of the page comes from the experiments' code and from the tables.
"""

from __future__ import annotations

import inspect
import json
import sys
from pathlib import Path

import matplotlib as mpl
from PIL import Image

import harness
from harness.figures import Figure
from harness.plugins import registry
from harness.rendering import styled, svg_and_png
from harness.tables import Tables

DOCS = Path(__file__).parent
WIDTH = 1100
"""Pixels of a picture: the page is read beside the code, not printed."""

HEAD = """\
# Gallery

What each experiment asks, what it claims, and what came of it: its own sweep (`python -m harness -m +study=NAME`), run
once. The report of such a sweep shows more: how much gradient arrives at every step, before and after training.

"""


def main(directories: list[str]) -> None:
    """Write the page and its pictures."""
    mpl.use("agg")
    entries = {}
    for directory in directories:
        tables = harness.load(directory)
        for name in dict.fromkeys(tables.runs.experiment):
            entries[name] = entry(name, tables, Path(directory))
    known = {path: path.read_text("utf-8") for path in (DOCS / "gallery").glob("*.md")}
    for name, text in entries.items():
        known[DOCS / "gallery" / f"{name}.md"] = text
        (DOCS / "gallery" / f"{name}.md").write_text(text, "utf-8")
    (DOCS / "gallery.md").write_text(HEAD + "\n".join(known[path] for path in sorted(known)), "utf-8")


def entry(name: str, tables: Tables, directory: Path) -> str:
    """The entry of one experiment, and its picture on disk."""
    experiment = registry().get("experiment", name)
    about = inspect.cleandoc(experiment.__doc__ or "")
    figure, png = picture(name, tables)
    (DOCS / "gallery").mkdir(exist_ok=True)
    path = DOCS / "gallery" / f"{name}.png"
    path.write_bytes(png)
    with Image.open(path) as image:
        image.thumbnail((WIDTH, WIDTH))
        image.convert("P", palette=Image.Palette.ADAPTIVE, colors=128).save(path, optimize=True)
    verdict = experiment.bears_out(tables)
    said = "not checked by a number" if verdict is None else ("borne out: " if verdict.holds else "not borne out: ")
    command = json.loads((directory / "provenance.json").read_text("utf-8"))["command"]
    command = " ".join(word for word in command.split() if not word.startswith("hydra.sweep.dir="))
    return (
        f"## {name}\n\n```text\n{about}\n```\n\n**Claim.** {experiment.claim}\n\n"
        f"**Result** of `{command}`: {said}{verdict.numbers if verdict else ''}\n\n"
        f"![{figure.title}](gallery/{name}.png)\n\n*{figure.title}. {figure.caption}*\n"
    )


def picture(name: str, tables: Tables) -> tuple[type[Figure], bytes]:
    """The experiment's own figure, or else one of accuracies, or of learning."""
    figures = [plugin.target for plugin in registry().of_kind("figure")]
    own = [figure for figure in figures if name in figure.experiments]
    usual = [
        figure
        for wanted in ("accuracy_by_option", "accuracy_map", "learning_curves")
        for figure in figures
        if figure.name == wanted
    ]
    for figure in [*own, *usual]:
        with styled():
            canvas = figure().draw(tables)
        if canvas is not None:
            return figure, svg_and_png(canvas)[1]
    raise ValueError(f"{name}: no figure can be drawn of these tables")


if __name__ == "__main__":
    main(sys.argv[1:])
