"""What was measured, on the terminal and as text for a page."""

from __future__ import annotations

import sys
from typing import Any

import pandas as pd
from rich.console import Console
from rich.table import Table

from harness.bench.ways import WAYS

BESIDE = {"MB": "MB", "MB_stored": "MB stored", "compile_s": "compile s"}


def show_steps(steps: pd.DataFrame, beside: pd.DataFrame) -> None:
    """The time of every way in its best setting, which is named, and how many times as long as ours it takes."""
    also = [column for column in BESIDE if column in beside]
    ways = list(dict.fromkeys(steps.way))
    columns = [*ways, "samples/s", *(BESIDE[each] for each in also)]
    table = Table("cell", "K,T,B,H", *columns, title="ms per training step, and of CPU time")
    where = ["cell", *"KTBH"]
    for place, (key, rows) in enumerate(steps[steps.taken].groupby(where, sort=False)):
        best = rows.set_index("way")
        ours = best.loc["a"]
        texts = [_of_way(str(way), row, ours) for way, row in best.iterrows()]
        more = [_short(beside[each].iloc[place]) for each in also]
        cell, *shape = map(str, key)
        table.add_row(cell, ",".join(shape), *texts, f"{ours.samples_per_s:.0f}", *more)
    table.caption = (
        "; ".join(f"{way}: {WAYS[way]}" for way in ways)
        + ". In brackets: how many times as long as a. Below: processes × threads, its best setting; CPU time."
    )
    console().print(table)


def as_markdown(steps: pd.DataFrame, beside: pd.DataFrame) -> str:
    """Of every cell how many times as long as ours the loop takes, by the clock and in CPU time, and its kernel."""
    lines = [
        "| cell | factor | factor, CPU | ours, ms | loop, ms | ours, CPU ms | loop, CPU ms | compile, s |",
        "|---" * 8 + "|",
    ]
    taken = steps[steps.taken].groupby(["cell", *"KTBH"], sort=False)
    for ((cell, *_), rows), made in zip(taken, beside.compile_s, strict=True):
        ms, cpu = rows.set_index("way").ms, rows.set_index("way").cpu_ms
        factors = f"{ms['c'] / ms['a']:.1f} | {cpu['c'] / cpu['a']:.1f}"
        times = f"{ms['a']:.1f} | {ms['c']:.0f} | {cpu['a']:.1f} | {cpu['c']:.0f}"
        lines.append(f"| `{cell}` | {factors} | {times} | {_short(made)} |")
    return "\n".join(lines) + "\n"


def _of_way(way: str, row: Any, ours: Any) -> str:
    """A way's times in its best setting."""
    clock, cpu = (f"{row[each]:.1f}" + (f" (×{row[each] / ours[each]:.2f})" if way != "a" else "")
                  for each in ("ms", "cpu_ms"))  # fmt: skip
    return f"{clock}\n{row.processes}×{row.threads}, CPU {cpu}"


def _short(value: float | None) -> str:
    """Two digits at most, but for whole numbers."""
    return "" if value is None or pd.isna(value) else f"{value:.1f}" if value < 10 else f"{value:.0f}"


def console() -> Console:
    return Console(width=None if sys.stdout.isatty() else 160, highlight=False)
