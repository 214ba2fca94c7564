"""Puts results of the study `chomsky` into ``docs/chomsky.md``: ``python docs/make_chomsky.py DIR``.

The scores replace what stands between the two marks there; the picture goes to ``docs/images``.
"""

from __future__ import annotations

import sys
from pathlib import Path

import matplotlib as mpl
import pandas as pd
from pages import picture, save, typed

import harness
from harness.plugins.registry import registry
from harness.sweeping.provenance import commands_of, read_provenance
from harness.tables import Tables

PAGE = Path(__file__).parent / "chomsky.md"
DRAWN, COLOURS = "bucket_sort", 64
"""The task whose picture the page shows, and the colours of it."""
BEGIN, END = "<!-- scores -->\n", "<!-- end of scores -->\n"


def main(directory: str) -> None:
    """Write the page and its picture anew."""
    mpl.use("agg")
    tables = harness.load(directory)
    before, _, rest = PAGE.read_text("utf-8").partition(BEGIN)
    _, _, after = rest.partition(END)
    commands = "`, then `".join(map(typed, commands_of(read_provenance(Path(directory)))))
    said = f"Of `{commands}`:\n\n{scores(tables)}"
    PAGE.write_text(f"{before}{BEGIN}\n{said}\n{END}{after}", "utf-8")
    one = Tables({**tables, "runs": tables.runs[tables.runs.experiment == DRAWN]})
    if png := picture(registry().get("figure", "generalization"), one):
        save(PAGE.parent / "images" / "chomsky.png", png, COLOURS)


def scores(tables: Tables) -> str:
    """A row for every task and cell: what is right at each length on average, and the scores over those not trained."""
    columns = ["experiment", "cell", "seq_len", "seed"]
    rows = tables.with_settings("generalization", columns)
    unseen = rows[rows.length > rows.seq_len].groupby(columns).accuracy.mean()
    lengths = sorted(rows.length.unique())
    head = ["level", "task", "cell", *(f"{length} steps" for length in lengths), "score", "best seed", "guessing"]
    lines = [_line(head), _line(["---"] * len(head))]
    for (name, cell), own in rows.groupby(["experiment", "cell"], sort=False):
        score, level = unseen[name, cell], registry().get("experiment", name).level
        guess = own[own.length > own.seq_len].groupby("length").chance.first().mean()
        right = own.groupby("length").accuracy.mean()
        shares = [*(right[length] for length in lengths), score.mean(), score.max(), guess]
        lines.append(_line([level, f"`{name}`", f"`{cell}`", *map(_percent, shares)]))
    return "\n".join(lines) + "\n"


def _line(cells: list[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _percent(share: float) -> str:
    return "–" if pd.isna(share) else f"{100 * share:.0f} %"


if __name__ == "__main__":
    main(*sys.argv[1:])
