"""What was measured, on the terminal and as text for a page."""

from __future__ import annotations

import sys

import pandas as pd
from rich.console import Console
from rich.table import Table

from harness.bench.ways import WAYS


def show_steps(steps: pd.DataFrame, memory: pd.DataFrame) -> None:
    """Milliseconds of every way in its best setting, which is named, and how many times as long as ours it takes."""
    made = ["compile s"] if "compile_s" in memory else []
    ways = list(dict.fromkeys(steps.way))
    table = Table("cell", "K,T,B,H", *ways, "samples/s", *("MB", "MB stored", *made), title="ms per training step")
    where = ["cell", *"KTBH"]
    for place, (key, rows) in enumerate(steps[steps.taken].groupby(where, sort=False)):
        best = rows.set_index("way")
        ours = best.loc["a"]
        texts = [
            f"{row.ms:.1f}" + (f" (×{row.ms / ours.ms:.2f})" if way != "a" else "") + f"\n{row.processes}×{row.threads}"
            for way, row in best.iterrows()
        ]
        also = [f"{value:.0f}" for value in memory.iloc[place][["MB", "MB_stored"]]] if len(memory) else ["", ""]
        also += [_seconds(memory.compile_s.iloc[place])] if made else []
        cell, *shape = map(str, key)
        table.add_row(cell, ",".join(shape), *texts, f"{ours.samples_per_s:.0f}", *also)
    table.caption = (
        "; ".join(f"{way}: {WAYS[way]}" for way in ways)
        + ". In brackets: how many times as long as a. Below: processes × threads, the best setting of the way."
    )
    console().print(table)


def as_markdown(steps: pd.DataFrame, memory: pd.DataFrame) -> str:
    """Of every cell how many times as long as ours the loop takes, both in milliseconds, and what its kernel takes."""
    ms = steps[steps.taken].pivot_table(index="cell", columns="way", values="ms", sort=False)
    made = memory.set_index("cell").compile_s
    rows = [f"| `{cell}` | {c / a:.1f} | {a:.1f} | {c:.0f} | {_seconds(made[cell])} |"
            for cell, a, c in ms[["a", "c"]].itertuples()]  # fmt: skip
    return "\n".join(["| cell | factor | ours, ms | loop, ms | compile, s |", "|---|---|---|---|---|", *rows]) + "\n"


def _seconds(value: float | None) -> str:
    return "" if value is None or pd.isna(value) else f"{value:.1f}"


def console() -> Console:
    return Console(width=None if sys.stdout.isatty() else 160, highlight=False)
