"""Measure training steps (ours and the peers'), the start of quick commands (--start), or a sweep (--sweep)."""

from __future__ import annotations

import argparse
import fnmatch
import importlib.util
import itertools
import json
import re
import sys
from collections.abc import Sequence
from contextlib import closing
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness.base.errors import UserError
from harness.base.files import write_text
from harness.bench.machine import machine
from harness.bench.ways import CPU_ONLY, OF_ALL_CELLS, PEERS, WAYS, Problem

if TYPE_CHECKING:
    import pandas as pd

    from harness.bench.steps import Teams

SHAPES = [(1, 100, 32, 64), (9, 100, 32, 64), (45, 100, 32, 32), (9, 100, 64, 128), (9, 1000, 32, 64)]
OF_CELLS = (9, 100, 32, 64)
SWEEP = ["+study=dish"]


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, print, keep; 1 and one line where that cannot be done."""
    options = _parser().parse_args(arguments)
    try:
        facts = machine(options.device)
        if options.start:
            tables = _start(options)
        elif options.sweep is not None:
            tables = _sweep(options)
        else:
            tables = _steps(options)
    except UserError as error:
        print(f"harness.bench: {error}", file=sys.stderr)
        return 1
    _keep(options.out, tables, facts)
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m harness.bench", description=__doc__)
    what = parser.add_mutually_exclusive_group()
    what.add_argument("--start", action="store_true", help="CPU time of the commands that should answer at once")
    what.add_argument("--sweep", nargs="*", metavar="WORD",
                      help=f"where the time of a sweep goes; its words, default {' '.join(SWEEP)}")  # fmt: skip
    parser.add_argument("--repeats", type=_positive, help="measurements of each (default 9; 3 with other cells)")
    parser.add_argument("--cells", nargs="+", default=PEERS, metavar="NAME",
                        help=f"names or patterns; all: every one (default {' '.join(PEERS)}). Where there are others"
                        " than these, each is compared with a loop alone, in one shape")  # fmt: skip
    parser.add_argument("--shapes", nargs="+", type=_shape, metavar="K,T,B,H",
                        help="members, steps, batch, hidden size")  # fmt: skip
    parser.add_argument("--ways", type=_ways, help=f"which of {''.join(WAYS)} to measure (a always is)")
    parser.add_argument("--device", type=_device, default="cpu",
                        help="cpu or cuda; JAX and the floor are measured on the CPU only")  # fmt: skip
    parser.add_argument("--out", type=Path, default=Path("results/bench") / f"{datetime.now():%Y-%m-%d_%H-%M-%S}")
    return parser


def _shape(text: str) -> tuple[int, int, int, int]:
    """Read ``K,T,B,H``."""
    try:
        members, steps, batch, hidden_size = (_positive(number) for number in text.split(","))
    except (ValueError, argparse.ArgumentTypeError):
        raise argparse.ArgumentTypeError(f"{text!r}: valid: four positive numbers K,T,B,H, e.g. 9,100,32,64") from None
    return members, steps, batch, hidden_size


def _positive(text: str) -> int:
    if (number := int(text)) < 1:
        raise argparse.ArgumentTypeError(f"{text}: valid: 1 or more")
    return number


def _ways(text: str) -> str:
    """Read the letters of some ways."""
    if not set(text) <= set(WAYS):
        raise argparse.ArgumentTypeError(f"{text!r}: valid: letters out of {''.join(WAYS)}")
    return text


def _device(text: str) -> str:
    if not re.fullmatch(r"cpu|cuda(:\d+)?", text):
        raise argparse.ArgumentTypeError(f"{text!r}: valid: cpu, cuda, cuda:1, …")
    return text


def _steps(options: argparse.Namespace) -> dict[str, pd.DataFrame]:
    """Training steps; a table of all settings of all ways, and one of the memory that ours takes, or of compiling."""
    import pandas as pd

    from harness.bench.steps import Teams, measure
    from harness.bench.tables import as_markdown, show_steps

    cells = _cells(options.cells)
    others = not set(cells) <= set(PEERS)
    ways = _measurable(options.ways or ("ac" if others else "".join(WAYS)), options.device, others)
    repeats = options.repeats or (3 if others else 9)
    rows, besides = [], []
    with closing(Teams(options.device)) as teams:
        shapes = options.shapes or ([OF_CELLS] if others else SHAPES)
        for shape, cell in dict.fromkeys(itertools.product(shapes, cells)):
            print(f"{cell}, K,T,B,H = {','.join(map(str, shape))}", file=sys.stderr, flush=True)
            problem = Problem(cell, shape)
            rows += measure(teams.of(ways, members=shape[0], alone=others), problem, repeats)
            own = _besides(teams, problem, others, options.device)
            besides.append({"cell": cell, **dict(zip("KTBH", shape, strict=True)), **own})
    steps, beside = pd.DataFrame(rows), pd.DataFrame(besides)
    show_steps(steps, beside)
    if others and "c" in ways:
        write_text(options.out / "cells.md", as_markdown(steps, beside))
    return {"steps": steps, "compile" if others else "memory": beside}


def _besides(teams: Teams, problem: Problem, others: bool, device: str) -> dict[str, float | None]:
    """What else is measured: memory; where all cells are compared, how long their kernels in C take to be compiled."""
    if others:
        return {"compile_s": teams.beside.compile(problem) if device == "cpu" else None}
    taken, stored = teams.beside.memory(problem)
    return {"MB": taken / 1e6, "MB_stored": stored / 1e6}


def _cells(patterns: Sequence[str]) -> list[str]:
    """The cells that names and patterns stand for.

    Raises:
        UserError: one stands for none.
    """
    from harness.plugins.registry import registry

    there = registry().names("cell")
    found: list[str] = []
    for pattern in patterns:
        own = fnmatch.filter(there, "*" if pattern == "all" else pattern)
        if not own:
            raise UserError(f"--cells {pattern}: no such cell; valid: all, a pattern, or of {', '.join(there)}")
        found += own
    return list(dict.fromkeys(found))


def _measurable(chosen: str, device: str, others: bool) -> list[str]:
    """The chosen ways, ours first, without those that cannot be measured here."""
    ways = [way for way in WAYS if way == "a" or way in chosen]
    if others:
        ways = [way for way in ways if way in OF_ALL_CELLS]
    if device != "cpu":
        ways = [way for way in ways if way not in CPU_ONLY]
    if "e" in ways and importlib.util.find_spec("jax") is None:
        print("JAX is not installed; its way is skipped (pip install jax)", file=sys.stderr)
        ways.remove("e")
    return ways


def _start(options: argparse.Namespace) -> dict[str, pd.DataFrame]:
    """The quick commands."""
    from rich.table import Table

    from harness.bench.start import measure_start
    from harness.bench.tables import console

    found = measure_start(options.repeats)
    table = Table("command", "CPU s", "quartiles", "wall s", title="start, medians")
    for row in found.to_dict("records"):
        quartiles = f"{row['cpu_q25']:.2f} to {row['cpu_q75']:.2f}"
        table.add_row(row["command"], f"{row['cpu']:.2f}", quartiles, f"{row['wall']:.2f}")
    console().print(table)
    return {"start": found}


def _sweep(options: argparse.Namespace) -> dict[str, pd.DataFrame]:
    """Where a sweep's time goes."""
    from rich.table import Table

    from harness.bench.stopwatch import KERNELS
    from harness.bench.sweep import GOAL_FACTOR, GOAL_SECONDS, measure_sweep
    from harness.bench.tables import console

    found = measure_sweep(options.sweep or SWEEP, options.out / "sweep")
    total, kernels = found.seconds.sum(), found.set_index("part").seconds[KERNELS]
    table = Table("part", "s", "%", "calls", "s in other threads", title=" ".join(options.sweep or SWEEP))
    for row in found.to_dict("records"):
        beside = f"{row['beside']:.2f}" if row["beside"] else ""
        share = f"{100 * row['seconds'] / total:.0f}"
        table.add_row(row["part"], f"{row['seconds']:.2f}", share, str(row["calls"]), beside)
    table.add_section()
    table.add_row("total", f"{total:.2f}", "100")
    if kernels:
        goal = GOAL_FACTOR * kernels + GOAL_SECONDS
        table.caption = (
            f"total : kernels = {total / kernels:.2f}; "
            f"goal: {GOAL_FACTOR:g} × kernels + {GOAL_SECONDS:g} s = {goal:.1f} s"
        )
    else:
        table.caption = "no compiled kernel was called in this process: no compiler, or jobs in other processes"
    console().print(table)
    return {"sweep": found}


def _keep(folder: Path, tables: dict[str, pd.DataFrame], facts: dict[str, Any]) -> None:
    """Write the tables and the machine's facts; the last line printed is where."""
    for name, frame in tables.items():
        write_text(folder / f"{name}.csv", frame.to_csv(index=False))
    write_text(folder / "machine.json", json.dumps(facts, indent=2))
    print(json.dumps(facts))
    print(folder)


if __name__ == "__main__":
    sys.exit(main())
