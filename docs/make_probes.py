"""Makes ``docs/probes.md`` out of results: ``python docs/make_probes.py DIR [DIR ...]``.

Each directory holds runs with some probes; a probe's pictures come from the first that holds its table. Every sentence
comes from the code of probes and figures, every picture from the tables. Probes of which no directory holds anything
keep the pictures that they have.
"""

from __future__ import annotations

import inspect
import sys
from collections.abc import Iterator
from pathlib import Path

import matplotlib as mpl
from PIL import Image

import harness
from harness.base.options import Options
from harness.figures import Figure
from harness.plugins.registry import registry
from harness.probes import Probe
from harness.report.rendering import styled, svg_and_png
from harness.sweeping.provenance import commands_of, read_provenance
from harness.tables import Tables

DOCS = Path(__file__).parent
WIDTH = 1100
"""Pixels of a picture: the page is read beside the code, not printed."""

HEAD = """\
# Probes

What can be measured beside the gradients whenever these are measured: `probes=[memory,gates]` on the command line turns
probes on, `probes.memory.samples=1000` sets an option, and each adds the table `tables.<name>`, or columns of
`tables.curves`, and its figures to the report. `probe.every` says how often they are asked. From Python:
`harness.probe(network, batch, probes=["eigenvalues"])`. Writing one: [plugins.md](plugins.md#a-probe).

Each entry says what a probe shows and what it costs, how to read its picture, and its options; a *plain probe* is what
is measured in any case (gradients, loss, accuracy). Pictures are made by `python docs/make_probes.py` from the results
of {commands}.

"""


def main(directories: list[str]) -> None:
    """Write the page and its pictures."""
    mpl.use("agg")
    (DOCS / "probes").mkdir(exist_ok=True)
    results = [(harness.load(directory), read_provenance(Path(directory))) for directory in directories]
    for plugin in registry().of_kind("probe"):
        for figure in figures_of(plugin.name):
            if png := next((png for tables, _ in results if (png := picture(figure, tables))), None):
                save(figure.name, png)
    commands = [
        f"`python -m harness {' '.join(word for word in words if not word.startswith('hydra.sweep.dir='))}`"
        for _, provenance in results
        for words in commands_of(provenance)
    ]
    names = [plugin.name for plugin in registry().of_kind("probe")]
    text = HEAD.format(commands=", ".join(commands))
    text += "".join(f"- [{name}](#{name}): {first_line(registry().get('probe', name))}\n" for name in names) + "\n"
    text += "\n".join(entry(registry().get("probe", name)) for name in names)
    (DOCS / "probes.md").write_text(text, "utf-8")


def figures_of(probe: str) -> list[type[Figure]]:
    """The figures that draw what a probe measures, in the order of the report."""
    found = [plugin.target for plugin in registry().of_kind("figure") if probe in plugin.target.probes]
    return sorted(found, key=lambda figure: figure.order)


def first_line(probe: type[Probe]) -> str:
    """What a probe is, in a sentence."""
    return inspect.cleandoc(probe.__doc__ or "").partition("\n\n")[0].replace("\n", " ")


def entry(probe: type[Probe]) -> str:
    """What a probe is, its options, and its pictures with how to read them."""
    text = f"## {probe.name}\n\n```text\n{inspect.cleandoc(probe.__doc__ or '')}\n```\n"
    if listed := "".join(options(probe)):
        text += f"\n| option | default | |\n|---|---|---|\n{listed}"
    for figure in figures_of(probe.name):
        if (DOCS / "probes" / f"{figure.name}.png").exists():
            text += f"\n![{figure.title}](probes/{figure.name}.png)\n\n*{figure.title}. {figure.caption}*\n"
    return text


def options(model: type[Options]) -> Iterator[str]:
    """A row for each option."""
    defaults = model.defaults_of_options()
    for name, field in model.model_fields.items():
        yield f"| `probes.{model.name}.{name}` | {defaults[name]} | {field.description} |\n"  # type: ignore[attr-defined]


def picture(figure: type[Figure], tables: Tables) -> bytes | None:
    """The figure of these tables; None where they hold nothing for it."""
    if not {*figure.probes} <= {*tables}:
        return None
    with styled():
        canvas = figure().draw(tables)
    return None if canvas is None else svg_and_png(canvas)[1]


def save(name: str, png: bytes) -> None:
    """Put a picture on the disk, smaller than it is in a report."""
    path = DOCS / "probes" / f"{name}.png"
    path.write_bytes(png)
    with Image.open(path) as image:
        image.thumbnail((WIDTH, WIDTH))
        image.convert("P", palette=Image.Palette.ADAPTIVE, colors=64).save(path, optimize=True)


if __name__ == "__main__":
    main(sys.argv[1:])
