"""Makes ``docs/cells.md`` out of results: ``python docs/make_cells.py DIR BENCH``.

DIR is that of ``+study=zoo``, BENCH that of ``python -m harness.bench --cells all``.

Every equation comes from the cells' code, every number and picture from the tables.
"""

from __future__ import annotations

import inspect
import sys
from pathlib import Path

import numpy as np
import pandas as pd

import harness
from harness.analysis.cell_table import CellRow, cell_rows
from harness.analysis.runs import finished
from harness.cells import Cell
from harness.plugins.registry import registry
from harness.report.sparklines import profiles_before_training, sparklines

DOCS = Path(__file__).parent

HEAD = """\
# Cells

Every recurrence that comes with the harness, by family: its equations, how far the gradient of an answer reaches before
any training, and what came of training it on the main task (`recall_dish`, {steps} steps). Made from the results of
`python -m harness -m +study=zoo`: {seeds} seeds, hidden size {hidden_size}, weight scale {scales}.

- *Before training*: how much of the answer's gradient arrives, from the answer itself (left) back to the first step, on
  a scale from a millionth to a thousandfold; the dashed line is what the answer receives. One line for each weight
  scale, from light (the smallest) to dark; medians over seeds, {longest} steps.
- *Factor*: what each step back multiplies the gradient by, before training, at {longest} steps and at each weight scale
  (median over seeds; "–" where no single factor describes its way).
- *Right*: share of right answers after training, mean over seeds at the best weight scale; guessing gives {chance:.1%}.
- *Parameters*: trained weights at {longest} steps, readout included.
- *CPU ms*: of one training step, with the norms of all gradients, of {members} networks at once (hidden size {units},
  {batch} sequences of {length} steps); on what machine, and what other implementations take, is in
  [engine.md](engine.md).

All cells had the same budget and learning rate: this says what they do out of the box, not what they can be tuned to.
Many gated cells start with their gates half open, and lose half of the gradient at every step: what a starting bias
does for them (`cell.forget_bias`, `cell.update_bias`, `cell.gate_init=chrono`) is a sweep away.
"""


def main(directory: str, bench: str) -> None:
    """Write the page and its pictures."""
    steps = pd.read_csv(Path(bench) / "steps.csv").query("way == 'a'").set_index("cell")
    tables = harness.load(directory)
    cells = {plugin.name: plugin.target for plugin in registry().of_kind("cell")}
    runs = finished(tables.runs)
    runs = runs[runs.cell.isin(cells)].assign(family=lambda each: [cells[cell].family for cell in each.cell])
    pictures = sparklines(profiles_before_training(tables, runs), runs)
    (DOCS / "cells").mkdir(exist_ok=True)
    for old in (DOCS / "cells").iterdir():
        old.unlink()
    for name, picture in pictures.items():
        (DOCS / "cells" / f"{name}.svg").write_text(picture + "\n", "utf-8")
    families: dict[str, list[CellRow]] = {}
    for row in cell_rows(runs):
        families.setdefault(row.family, []).append(row)
    first, timed = runs.iloc[0], steps.iloc[0]
    scales = [f"{scale:g}" for scale in sorted(runs.weight_scale.unique())]
    text = HEAD.format(
        steps=first["train.steps"], seeds=runs.seed.nunique(), hidden_size=first.hidden_size,
        scales=", ".join(scales[:-1]) + f" and {scales[-1]}", longest=runs.seq_len.max(), chance=first.chance,
        members=timed.K, units=timed.H, batch=timed.B, length=timed["T"],
    )  # fmt: skip
    if others := sorted(cells.keys() - set(runs.cell) - {"module"}):
        text += f"\nNot trained for this page: {', '.join(f'`{name}`' for name in others)}; `--help` describes each.\n"
    for family, rows in families.items():
        text += f"\n## {family}\n\n{table(rows, steps.cpu_ms)}" + "".join(equations(cells[row.who]) for row in rows)
    (DOCS / "cells.md").write_text(text, "utf-8")


def table(rows: list[CellRow], ms: pd.Series) -> str:
    """A row per cell; ``ms`` is the CPU time of a training step, by cell."""
    head = [
        "cell", "before training", *(f"factor at {scale:g}" for scale in rows[0].factors),
        *(f"right, {length} steps" for length in rows[0].right), "parameters", "CPU ms",
    ]  # fmt: skip
    lines = ["| " + " | ".join(head) + " |", "|---" * len(head) + "|"]
    for row in rows:
        picture = f"![Gradient against lag](cells/{row.who}.svg)"
        factors = [known(value, f"{value:.3f}") for value in row.factors.values()]
        right = [known(value, f"{value:.0%}") for value in row.right.values()]
        numbers = [f"{row.parameters:,}", known(ms.get(row.who, np.nan), f"{ms.get(row.who, np.nan):.0f}")]
        lines.append("| " + " | ".join([f"[`{row.who}`](#{row.who})", picture, *factors, *right, *numbers]) + " |")
    return "\n".join(lines) + "\n"


def known(value: float, text: str) -> str:
    """The text of a value, where there is one."""
    return text if np.isfinite(value) else "–"


def equations(cell: type[Cell]) -> str:
    """What the cell's code says of it."""
    return f"\n### {cell.name}\n\n```text\n{inspect.cleandoc(cell.__doc__ or '')}\n```\n"


if __name__ == "__main__":
    main(*sys.argv[1:])
