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
from pages import picture, save, typed

import harness
from harness.base.options import Options
from harness.figures import Figure
from harness.plugins.registry import registry
from harness.probes import Probe
from harness.sweeping.provenance import commands_of, read_provenance
from harness.theory import base, elman, gated, linear, mean_field

DOCS = Path(__file__).parent
COLOURS = 192
"""Of a picture: maps have many."""

THEORY = ("edge_of_chaos",)
"""Figures that hold theory against what was measured."""

HEAD = """\
# Probes

What can be measured beside the gradients whenever these are measured: `probes=[memory,gates]` on the command line turns
probes on, `probes.memory.samples=1000` sets an option, and each adds the table `tables.<name>`, or columns of
`tables.curves`, and its figures to the report. `probe.every` says how often they are asked. From Python:
`harness.probe(network, batch, probes=["eigenvalues"])`. Writing one: [plugins.md](plugins.md#a-probe).

Each entry says what a probe shows and what it costs, how to read its picture, and its options; a *plain probe* is what
is measured in any case (gradients, loss, accuracy). [Theory](#theory) says what to expect before any training. Pictures
are made by `python docs/make_probes.py` from the results of

{commands}

"""

OF_THEORY = """
## theory

`harness.theory` holds what is known of networks with random weights, as plain functions. `tables.runs` has what it says
of a run before its training (`decay_rate_theory`, to be held against `decay_rate_init`) and what no gradient can exceed
(`decay_rate_bound_init`, `decay_rate_bound`); gradient profiles have thin lines for both.

"""


def main(directories: list[str]) -> None:
    """Write the page and its pictures."""
    mpl.use("agg")
    (DOCS / "probes").mkdir(exist_ok=True)
    results = [(harness.load(directory), read_provenance(Path(directory))) for directory in directories]
    names = [plugin.name for plugin in registry().of_kind("probe")]
    of_theory = [registry().get("figure", name) for name in THEORY]
    for figure in [*dict.fromkeys(figure for name in names for figure in figures_of(name)), *of_theory]:
        if png := next((png for tables, _ in results if (png := picture(figure, tables))), None):
            save(DOCS / "probes" / f"{figure.name}.png", png, COLOURS)
    commands = [f"    {typed(words)}" for _, provenance in results for words in commands_of(provenance)]
    text = HEAD.format(commands="\n".join(commands))
    text += "".join(f"- [{name}](#{name}): {first_line(registry().get('probe', name))}\n" for name in names) + "\n"
    text += "\n".join(entry(registry().get("probe", name)) for name in names) + OF_THEORY
    text += "".join(
        f"- `{module.__name__}`: {(module.__doc__ or '').partition(chr(10))[0]}\n"
        for module in (base, linear, mean_field, elman, gated)
    )
    text += "".join(shown(figure) for figure in of_theory)
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
    return text + "".join(shown(figure) for figure in figures_of(probe.name))


def shown(figure: type[Figure]) -> str:
    """A figure's picture, where there is one, and how to read it."""
    if not (DOCS / "probes" / f"{figure.name}.png").exists():
        return ""
    return f"\n![{figure.title}](probes/{figure.name}.png)\n\n*{figure.title}. {figure.caption}*\n"


def options(model: type[Options]) -> Iterator[str]:
    """A row for each option."""
    defaults = model.defaults_of_options()
    for name, field in model.model_fields.items():
        yield f"| `probes.{model.name}.{name}` | {defaults[name]} | {field.description} |\n"  # type: ignore[attr-defined]


if __name__ == "__main__":
    main(sys.argv[1:])
