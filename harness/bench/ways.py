"""What is compared, in words, and how each of the ways may be run; the code of the ways is in `harness.bench.peers`."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Any

from numpy.typing import NDArray

WAYS = {
    "a": "ours, every per-step norm",
    "b": "ours",
    "c": "a loop in torch, retain_grad: over the cell of torch.nn, or the cell's own step",
    "d": "torch.nn fused, no per-step gradients",
    "e": "JAX vmap of lax.scan, per-step gradients",
    "f": "the matmuls alone",
}

OURS = "ab"
"""Run as the harness runs them: one process on all cores."""

CPU_ONLY = "ef"

OF_ALL_CELLS = "abc"
"""The ways in which every cell is run."""

PEERS = ["rnn", "gru", "lstm"]
"""The cells that there are in all ways."""


@dataclass(frozen=True)
class Problem:
    """What is trained on: a cell and K, T, B, H.

    Attributes:
        shape: members, steps, batch, hidden size.
    """

    cell: str
    shape: tuple[int, int, int, int]


@dataclass(frozen=True)
class Setting:
    """How a way is run: the members divided among processes, each of them with so many threads."""

    processes: int
    threads: int

    def __str__(self) -> str:
        return f"{self.processes}×{self.threads}"

    @property
    def words(self) -> str:
        """``2 processes × 1 thread``."""
        many = "processes" if self.processes > 1 else "process"
        return f"{self.processes} {many} × {self.threads} thread{'s' if self.threads > 1 else ''}"


def settings(way: str, members: int, cores: int, device: str = "cpu", alone: bool = False) -> list[Setting]:
    """The settings in which a way is measured; the best of them counts.

    Args:
        cores: that this process may use.
        alone: not with others but as people write it: one process, and one thread, since operations are small.
    """
    everything = Setting(1, cores)
    if device != "cpu" or way in OURS:
        return [everything]
    found = [Setting(1, 1), everything, Setting(min(cores, members), 1)]
    return found[:1] if alone else list(dict.fromkeys(found))


def usable_cores() -> list[int]:
    """The numbers of the cores that this process may use: not all of them under ``taskset`` or in a Slurm job."""
    if hasattr(os, "sched_getaffinity"):
        return sorted(os.sched_getaffinity(0))
    return list(range(os.cpu_count() or 1))  # macOS binds no process to a core


@dataclass(frozen=True)
class First:
    """What the first step of a way gives.

    Attributes:
        losses: of all members, (K,); None where a way has none.
        norms: of every dL/dh_t, (K, T, B); None where a way cannot give them.
    """

    losses: NDArray[Any] | None
    norms: NDArray[Any] | None
