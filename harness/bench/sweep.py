"""Where the time of a sweep goes, from the command to the end of its process."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from harness.base.errors import UserError
from harness.bench.stopwatch import END, PARTS, found

GOAL_FACTOR, GOAL_SECONDS = 1.8, 3.0
"""A sweep should cost at most so many times its kernels' time, and so many seconds more."""


def measure_sweep(words: Sequence[str], directory: Path) -> pd.DataFrame:
    """Run a sweep in a process of its own and see what it spends its time on.

    Jobs that a launcher starts in other processes are not seen: their time is that of the command line.

    Args:
        words: of the sweep, as after ``python -m harness -m``.
        directory: the sweep's own, new.

    Returns:
        A row per part: ``seconds`` of the main thread, which add up to the wall time of the process; seconds
        ``beside`` it in other threads; ``calls``.

    Raises:
        UserError: the sweep fails, or a function to be timed has gone.
    """
    for names in PARTS.values():
        for name in names:
            found(name)
    with tempfile.TemporaryDirectory() as scratch:
        times = Path(scratch) / "times.json"
        begin = time.perf_counter()  # on Linux and macOS one clock for all processes
        done = subprocess.run(
            [sys.executable, "-m", "harness.bench.stopwatch", str(times), str(begin), "-m", *words,
             f"hydra.sweep.dir={directory}"],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, check=False,
        )  # fmt: skip
        total = time.perf_counter() - begin
        if done.returncode:
            last = done.stderr.strip().rpartition("\n")[2]
            raise UserError(f"the sweep ends with exit code {done.returncode}: {last}")
        parts = json.loads(times.read_text(encoding="utf-8"))
    frame = pd.DataFrame([{"part": part, **own} for part, own in parts.items()])
    frame.loc[frame.part == END, "seconds"] = total - frame.seconds.sum()
    return frame
