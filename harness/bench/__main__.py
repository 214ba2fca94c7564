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

from harness.base.files import write_text
from harness.bench.memory import peak_bytes
from harness.bench.peers import Step, Task, cell_loop, floor, fused, jax_scan, ours
from harness.engine.network import Network
from harness.engine.weights import Architecture, MemberInit
from harness.plugins.registry import registry
from harness.tables.storage import write_table

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


def make_task(cell: str, shape: tuple[int, int, int, int], device: str = "cpu") -> Task:
    """Members of different seeds on a random batch."""
    members, steps, batch, hidden_size = shape
    made = registry().get("cell", cell)()
    sizes = Architecture(made, FEATURES, hidden_size, num_layers=1, output_size=CLASSES)
    inits = [MemberInit(made, seed, "orthogonal", 1.0) for seed in range(members)]
    generator = torch.manual_seed(0)
    return Task(
        Network.create(sizes, inits, torch.float32, device),
        torch.randn(members, steps, batch, FEATURES, generator=generator).to(device),
        torch.randint(CLASSES, (members, batch), generator=generator).to(device),
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
    """Median milliseconds of a step, the ways taking turns; all are first checked to agree.

    At each turn a way takes one step to warm up, since the one before has filled the caches, and one that counts.
    """
    steps = {way: WAYS[way][1](task) for way in ways}
    check({way: step() for way, step in steps.items()})

    def wait() -> None:
        if task.inputs.is_cuda:
            torch.cuda.synchronize()

    times: dict[str, list[float]] = {way: [] for way in ways}
    for _ in range(repeats):
        for way, step in steps.items():
            step()
            wait()
            start = time.perf_counter()
            step()
            wait()
            times[way].append(time.perf_counter() - start)
    return {way: 1000 * statistics.median(values) for way, values in times.items()}


def memory(task: Task) -> dict[str, float]:
    """Megabytes that one step of ours takes, and what its activations need by count."""
    members, steps, batch, _ = task.inputs.shape
    stored = members * steps * batch * task.network.shape.cell.width(task.network.shape.hidden_size)
    taken = 0 if task.inputs.is_cuda else peak_bytes(ours(task, probing=True))
    return {"MB": taken / 1e6, "MB stored": stored * task.inputs.element_size() / 1e6}


def machine() -> dict[str, object]:
    """What the numbers were measured on."""
    lines = Path("/proc/cpuinfo").read_text().splitlines() if Path("/proc/cpuinfo").exists() else []
    model = next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), None)
    return {
        "processor": model or platform.processor(), "cores": os.cpu_count(), "threads": torch.get_num_threads(),
        "gpu": torch.cuda.get_device_name() if torch.cuda.is_available() else None,
        "torch": torch.__version__, "python": platform.python_version(), "system": platform.platform(),
    }  # fmt: skip


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, print, keep."""
    parser = argparse.ArgumentParser(prog="python -m harness.bench", description=__doc__)
    parser.add_argument("--repeats", type=_positive, default=9, help="measurements of each way (default 9)")
    parser.add_argument("--cells", nargs="+", choices=CELLS, default=CELLS)
    parser.add_argument("--shapes", nargs="+", type=_shape, default=SHAPES,
                        metavar="K,T,B,H", help="members, steps, batch, hidden size")  # fmt: skip
    parser.add_argument(
        "--ways", type=_ways, default="".join(WAYS), help=f"which of {''.join(WAYS)} to measure (a always is)"
    )
    parser.add_argument("--device", default="cpu", help="cpu or cuda; JAX and the floor are measured on the CPU only")
    parser.add_argument("--out", type=Path, default=Path("results/bench") / f"{datetime.now():%Y-%m-%d_%H-%M-%S}")
    options = parser.parse_args(arguments)
    ways = [way for way in WAYS if way == "a" or way in options.ways]
    if options.device != "cpu":
        ways = [way for way in ways if way not in "ef"]
    if "e" in ways and importlib.util.find_spec("jax") is None:
        print("JAX is not installed; its way is skipped (pip install jax)", file=sys.stderr)
        ways.remove("e")
    rows = []
    for shape, cell in itertools.product(options.shapes, options.cells):
        print(f"{cell}, K,T,B,H = {shape}", file=sys.stderr, flush=True)
        task = make_task(cell, shape, options.device)
        found = measure(task, ways, options.repeats)
        speed = {"samples/s": 1000 * shape[0] * shape[2] / found["a"]}
        rows.append({"cell": cell, **dict(zip("KTBH", shape, strict=True)), **found, **speed, **memory(task)})
    frame = pd.DataFrame(rows)
    show(frame, ways)
    write_table(options.out / "bench.parquet", frame)
    write_text(options.out / "bench.csv", frame.to_csv(index=False))
    write_text(options.out / "machine.json", json.dumps(machine(), indent=2))
    print(options.out)
    return 0


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


def show(frame: pd.DataFrame, ways: Sequence[str]) -> None:
    """Milliseconds of every way, and in brackets how many times as long as ours with every norm it takes."""
    console = Console(width=None if sys.stdout.isatty() else 160, highlight=False)
    extra = ["samples/s", "MB", "MB stored"]
    table = Table("cell", "K,T,B,H", *ways, *extra, title="ms per training step (times a)")
    for row in frame.to_dict("records"):
        texts = [f"{row[way]:.1f} ({row[way] / row['a']:.2f})" for way in ways]
        texts += [f"{row[key]:.0f}" for key in extra]
        table.add_row(row["cell"], ",".join(str(row[key]) for key in "KTBH"), *texts)
    table.caption = "; ".join(f"{way}: {WAYS[way][0]}" for way in ways)
    console.print(table)
    console.print(json.dumps(machine()))


if __name__ == "__main__":
    sys.exit(main())
