"""What was measured, on the terminal and as text for a page."""

from __future__ import annotations

import sys

import pandas as pd
from rich.console import Console
from rich.table import Table

from harness.bench.ways import WAYS

BESIDE = {"MB": "MB", "MB_stored": "MB stored", "compile_s": "compile s"}


def show_steps(steps: pd.DataFrame, beside: pd.DataFrame, unit: str) -> None:
    """The time of every way in its best setting, which is named, and how many times as long as ours it takes."""
    also = [column for column in BESIDE if column in beside]
    ways = list(dict.fromkeys(steps.way))
    columns = [*ways, "samples/s", *(BESIDE[each] for each in also)]
    table = Table("cell", "K,T,B,H", *columns, title=f"{unit} per training step")
    where = ["cell", *"KTBH"]
    for place, (key, rows) in enumerate(steps[steps.taken].groupby(where, sort=False)):
        best = rows.set_index("way")
        ours = best.loc["a"]
        texts = [
            f"{row.ms:.1f}" + (f" (×{row.ms / ours.ms:.2f})" if way != "a" else "") + f"\n{row.processes}×{row.threads}"
            for way, row in best.iterrows()
        ]
        more = [_short(beside[each].iloc[place]) for each in also]
        cell, *shape = map(str, key)
        table.add_row(cell, ",".join(shape), *texts, f"{ours.samples_per_s:.0f}", *more)
    table.caption = (
        "; ".join(f"{way}: {WAYS[way]}" for way in ways)
        + ". In brackets: how many times as long as a. Below: processes × threads, the best setting of the way."
    )
    console().print(table)


def as_markdown(steps: pd.DataFrame, beside: pd.DataFrame) -> str:
    """Of every cell how many times as long as ours the loop takes, both in CPU time, and what its kernel takes."""
    ms = steps[steps.taken].pivot_table(index="cell", columns="way", values="ms", sort=False)
    made = beside.set_index("cell").compile_s
    rows = [f"| `{cell}` | {c / a:.1f} | {a:.1f} | {c:.0f} | {_short(made[cell])} |"
            for cell, a, c in ms[["a", "c"]].itertuples()]  # fmt: skip
    header = ["| cell | factor | ours, CPU ms | loop, CPU ms | compile, s |", "|---|---|---|---|---|"]
    return "\n".join([*header, *rows]) + "\n"


def _short(value: float | None) -> str:
    """Two digits at most, but for whole numbers."""
    return "" if value is None or pd.isna(value) else f"{value:.1f}" if value < 10 else f"{value:.0f}"


def console() -> Console:
    return Console(width=None if sys.stdout.isatty() else 160, highlight=False)
