"""``python -m harness.bench``: measure all ways side by side and print, and keep, a table of medians."""

from __future__ import annotations

import argparse
import importlib.util
import itertools
import json
import os
import platform
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from datetime import datetime
from pathlib import Path

import pandas as pd
import torch
from rich.console import Console
from rich.table import Table

from harness.bench.peers import Step, Task, cell_loop, floor, fused, jax_scan, ours
from harness.network import MemberInit, Network, Shape
from harness.plugins import registry
from harness.tables import write_table, write_text

SHAPES = [(1, 100, 32, 64), (9, 100, 32, 64), (45, 100, 32, 32), (9, 100, 64, 128), (9, 1000, 32, 64)]
CELLS = ["rnn", "gru", "lstm"]
FEATURES, CLASSES = 32, 8
RELATIVE_TOLERANCE, ABSOLUTE_TOLERANCE = 2e-3, 1e-6

WAYS: dict[str, tuple[str, Callable[[Task], Step]]] = {
    "a": ("ours, every per-step norm", lambda task: ours(task, probing=True)),
    "b": ("ours", lambda task: ours(task, probing=False)),
    "c": ("torch.nn cells in a loop, retain_grad", cell_loop),
    "d": ("torch.nn fused, no per-step gradients", fused),
    "e": ("JAX vmap of lax.scan, per-step gradients", jax_scan),
    "f": ("the matmuls alone", floor),
}


def make_task(cell: str, members: int, steps: int, batch: int, hidden_size: int) -> Task:
    """Members of different seeds on a random batch."""
    made = registry().get("cell", cell)()
    shape = Shape(made, FEATURES, hidden_size, num_layers=1, output_size=CLASSES)
    inits = [MemberInit(made, seed, "orthogonal", 1.0) for seed in range(members)]
    generator = torch.manual_seed(0)
    return Task(
        Network.create(shape, inits, torch.float32, "cpu"),
        torch.randn(members, steps, batch, FEATURES, generator=generator),
        torch.randint(CLASSES, (members, batch), generator=generator),
    )


def check(results: dict[str, tuple[torch.Tensor | None, torch.Tensor | None]]) -> None:
    """Raise AssertionError where the first step of two ways gives different losses or norms."""
    losses, norms = results["a"]
    for way, (loss, own) in results.items():
        for what, found, expected in (("losses", loss, losses), ("norms", own, norms)):
            if found is not None and expected is not None:
                close = torch.isclose(found.double(), expected.double(), RELATIVE_TOLERANCE, ABSOLUTE_TOLERANCE)
                assert close.all(), f"way {way}: its {what} are not those of ours"


def measure(task: Task, ways: Sequence[str], repeats: int) -> dict[str, float]:
    """Median milliseconds of a step, the ways taking turns; all are first checked to agree."""
    steps = {way: WAYS[way][1](task) for way in ways}
    check({way: step() for way, step in steps.items()})
    times: dict[str, list[float]] = {way: [] for way in ways}
    for _ in range(repeats):
        for way, step in steps.items():
            start = time.perf_counter()
            step()
            times[way].append(time.perf_counter() - start)
    return {way: 1000 * statistics.median(values) for way, values in times.items()}


def machine() -> dict[str, object]:
    """What the numbers were measured on."""
    lines = Path("/proc/cpuinfo").read_text().splitlines() if Path("/proc/cpuinfo").exists() else []
    model = next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), None)
    return {
        "processor": model or platform.processor(), "cores": os.cpu_count(), "threads": torch.get_num_threads(),
        "torch": torch.__version__, "python": platform.python_version(), "system": platform.platform(),
    }  # fmt: skip


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, print, keep."""
    parser = argparse.ArgumentParser(prog="python -m harness.bench", description=__doc__)
    parser.add_argument("--repeats", type=int, default=9, help="measurements of each way (default 9)")
    parser.add_argument("--cells", nargs="+", choices=CELLS, default=CELLS)
    parser.add_argument("--shapes", nargs="+", default=[",".join(map(str, shape)) for shape in SHAPES],
                        metavar="K,T,B,H", help="members, steps, batch, hidden size")  # fmt: skip
    parser.add_argument("--ways", default="".join(WAYS), help=f"which of {''.join(WAYS)} to measure (a always is)")
    parser.add_argument("--out", type=Path, default=Path("results/bench") / f"{datetime.now():%Y-%m-%d_%H-%M-%S}")
    options = parser.parse_args(arguments)
    ways = [way for way in WAYS if way == "a" or way in options.ways]
    if "e" in ways and importlib.util.find_spec("jax") is None:
        print("JAX is not installed; its way is skipped (pip install jax)", file=sys.stderr)
        ways.remove("e")
    rows = []
    shapes = [tuple(map(int, shape.split(","))) for shape in options.shapes]
    for shape, cell in itertools.product(shapes, options.cells):
        print(f"{cell}, K,T,B,H = {shape}", file=sys.stderr, flush=True)
        found = measure(make_task(cell, *shape), ways, options.repeats)
        rows.append({"cell": cell, **dict(zip("KTBH", shape, strict=True)), **found})
    frame = pd.DataFrame(rows)
    show(frame, ways)
    write_table(options.out / "bench.parquet", frame)
    write_text(options.out / "bench.csv", frame.to_csv(index=False))
    write_text(options.out / "machine.json", json.dumps(machine(), indent=2))
    print(options.out)
    return 0


def show(frame: pd.DataFrame, ways: Sequence[str]) -> None:
    """Milliseconds of every way, and in brackets how many times as long as ours with every norm it takes."""
    console = Console(width=None if sys.stdout.isatty() else 160, highlight=False)
    table = Table("cell", "K,T,B,H", *(f"{way}" for way in ways), title="ms per training step (times a)")
    for row in frame.to_dict("records"):
        texts = [f"{row[way]:.1f} ({row[way] / row['a']:.2f})" for way in ways]
        table.add_row(row["cell"], ",".join(str(row[key]) for key in "KTBH"), *texts)
    table.caption = "; ".join(f"{way}: {WAYS[way][0]}" for way in ways)
    console.print(table)
    console.print(json.dumps(machine()))


if __name__ == "__main__":
    sys.exit(main())
