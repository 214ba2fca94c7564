"""Makes ``docs/cells.md`` out of results: ``python docs/make_cells.py DIR``, where DIR is that of ``+study=zoo``.

Every equation comes from the cells' code, every number and picture from the tables.
"""

from __future__ import annotations

import inspect
import sys
from pathlib import Path

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd

import harness
from harness.cells import Cell
from harness.plugins.registry import registry
from harness.report.rendering import styled
from harness.tables import Tables

DOCS = Path(__file__).parent
COLUMNS = 4
"""Pictures side by side."""

HEAD = """\
# Cells

Every recurrence that comes with the harness, by family: its equations, how far the gradient of an answer reaches before
any training, and what came of training it on the main task (`recall_dish`, {steps} steps). Made from the results of
`python -m harness -m +study=zoo`: {seeds} seeds, hidden size {hidden_size}, weight scale 0.9, 1.0 and 1.1.

*Factor*: what each step back multiplies the gradient by, before training, at {longest} steps and at each weight scale
(median over seeds; "–" where no single factor describes its way). *Right*: share of right answers after training, mean
over seeds at the best weight scale; guessing gives {chance:.1%}. *Parameters*: at {longest} steps, readout included.
All cells had the same budget and learning rate: this says what they do out of the box, not what they can be tuned to.
Many gated cells start with their gates half open, and lose half of the gradient at every step: what a starting bias
does for them (`cell.forget_bias`, `cell.update_bias`, `cell.gate_init=chrono`) is a sweep away.
Pictures: the gradient of the answer against the lag, before training, weight scales 0.9 (dark), 1.0 and 1.1 (light).
"""


def main(directory: str) -> None:
    """Write the page and its pictures."""
    mpl.use("agg")
    tables = harness.load(directory)
    runs = tables.runs[tables.runs.status == "ok"]
    cells = {plugin.name: plugin.target for plugin in registry().of_kind("cell") if plugin.name in set(runs.cell)}
    families: dict[str, list[type[Cell]]] = {}
    for cell in cells.values():
        families.setdefault(cell.family, []).append(cell)
    first = runs.iloc[0]
    text = HEAD.format(
        steps=first["train.steps"], seeds=runs.seed.nunique(), hidden_size=first.hidden_size,
        longest=runs.seq_len.max(), chance=first.chance,
    )  # fmt: skip
    (DOCS / "cells").mkdir(exist_ok=True)
    for family, members in sorted(families.items()):
        picture(DOCS / "cells" / f"{family}.png", tables, runs, members)
        text += f"\n## {family}\n\n![Gradient against lag](cells/{family}.png)\n\n{table(runs, members)}\n"
        text += "".join(equations(cell) for cell in members)
    (DOCS / "cells.md").write_text(text, "utf-8")


def table(runs: pd.DataFrame, members: list[type[Cell]]) -> str:
    """A row per cell."""
    lengths = sorted(runs.seq_len.unique())
    scales = sorted(runs.weight_scale.unique())
    head = [
        "cell",
        *(f"factor at {scale:g}" for scale in scales),
        *(f"right, {n} steps" for n in lengths),
        "parameters",
    ]
    lines = ["| " + " | ".join(head) + " |", "|---" * len(head) + "|"]
    for cell in members:
        own = runs[runs.cell == cell.name]
        long = own[own.seq_len == lengths[-1]]
        factors = [factor(long[long.weight_scale == scale]) for scale in scales]
        right = [own[own.seq_len == n].groupby("weight_scale").accuracy.mean().max() for n in lengths]
        shown = [f"{share:.0%}" if np.isfinite(share) else "–" for share in right]
        lines.append("| " + " | ".join([f"`{cell.name}`", *factors, *shown, f"{long.parameters.iloc[0]:,}"]) + " |")
    return "\n".join(lines) + "\n"


def factor(runs: pd.DataFrame) -> str:
    """The factor per step before training, where a line describes the gradient's way in most runs."""
    described = runs[runs.verdict_init.notna() & np.isfinite(runs.decay_rate_init)]
    return f"{np.exp(described.decay_rate_init.median()):.3f}" if 2 * len(described) > len(runs) else "–"


def equations(cell: type[Cell]) -> str:
    """What the cell's code says of it."""
    return f"\n### {cell.name}\n\n```text\n{inspect.cleandoc(cell.__doc__ or '')}\n```\n"


def picture(path: Path, tables: Tables, runs: pd.DataFrame, members: list[type[Cell]]) -> None:
    """Small gradient profiles side by side, all on the same axes."""
    longest = runs[runs.seq_len == runs.seq_len.max()]
    rows = tables.read(
        "transport", ["run_id", "layer", "part", "lag", "grad_norm"],
        [("step", "==", 0), ("run_id", "in", longest.run_id.tolist())],
    ).merge(longest[["run_id", "cell", "memory", "weight_scale"]], on="run_id")  # fmt: skip
    rows = rows[(rows.part == rows.memory) & (rows.layer == 1)]
    height = -(-len(members) // COLUMNS)
    with styled():
        figure, axes = plt.subplots(
            height, COLUMNS, figsize=(2.6 * COLUMNS, 1.6 * height), sharex=True, sharey=True, squeeze=False
        )
        shades = mpl.colormaps["viridis"](np.linspace(0.1, 0.85, longest.weight_scale.nunique()))
        for axis, cell in zip(axes.flat, members, strict=False):
            own = rows[rows.cell == cell.name]
            for shade, (_, of_scale) in zip(shades, own.groupby("weight_scale"), strict=False):
                line = of_scale.groupby("lag").grad_norm.median()
                axis.plot(line.index, line / line.iloc[0], color=shade, linewidth=1.3)
            axis.set_title(cell.name, fontsize=9)
            axis.set_yscale("log")
            axis.set_ylim(1e-6, 1e3)
        for axis in list(axes.flat)[len(members) :]:
            axis.set_visible(False)
        figure.supxlabel("lag", fontsize=9)
        figure.tight_layout()
        figure.savefig(path, dpi=90)
        plt.close(figure)


if __name__ == "__main__":
    main(sys.argv[1])
