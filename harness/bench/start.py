"""How long a user waits for the commands that should answer at once, each in a fresh process."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from harness.base.errors import UserError


@dataclass(frozen=True)
class Command:
    """A command, the exit code that it should have, and the variables by which a shell asks for completion."""

    arguments: list[str]
    code: int = 0
    environment: dict[str, str] = field(default_factory=dict)


COMMANDS = {
    "import harness": Command(["-c", "import harness"]),
    "--help": Command(["-m", "harness", "--help"]),
    "a TAB": Command(
        ["-m", "harness", "--shell-completion", "query=bash"], environment={"COMP_LINE": "harness cell=lst"}
    ),
    "harness.plugins": Command(["-m", "harness.plugins"]),
    "--cfg job": Command(["-m", "harness", "--cfg", "job"]),
    "a typo": Command(["-m", "harness", "cell=lstn"], code=1),
}


def measure_start(repeats: int) -> pd.DataFrame:
    """Seconds of every command, the commands taking turns, after one run each to fill the system's caches.

    Returns:
        A row per command: ``cpu`` (user and system, median), ``cpu_q25``, ``cpu_q75``, and ``wall``.

    Raises:
        UserError: a command does not end as it should.
    """
    times: dict[str, list[tuple[float, float]]] = {name: [] for name in COMMANDS}
    for turn in range(repeats + 1):
        for name, command in COMMANDS.items():
            one = _seconds(name, command)
            if turn:
                times[name].append(one)
    rows = []
    for name, found in times.items():
        cpu, wall = np.array(found).T
        q25, median, q75 = np.quantile(cpu, (0.25, 0.5, 0.75))
        rows.append({"command": name, "cpu": median, "cpu_q25": q25, "cpu_q75": q75, "wall": np.median(wall)})
    return pd.DataFrame(rows)


def _seconds(name: str, command: Command) -> tuple[float, float]:
    """CPU and wall time of one run."""
    with tempfile.TemporaryFile() as said:
        begin = time.perf_counter()
        process = subprocess.Popen(
            [sys.executable, *command.arguments], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=said,
            env={**os.environ, **command.environment},
        )  # fmt: skip
        # What a process and its own children have used is told only to who waits for it so.
        _, status, usage = os.wait4(process.pid, 0)
        wall = time.perf_counter() - begin
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode != command.code:
            said.seek(0)
            last = said.read().decode(errors="replace").strip().rpartition("\n")[2]
            raise UserError(f"{name} ends with exit code {process.returncode} instead of {command.code}: {last}")
    return usage.ru_utime + usage.ru_stime, wall
