"""Packing: which values of a sweep become members of one job, and how many fit."""

from __future__ import annotations

import math
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TypeVar

from harness.base.devices import free_gpu_memory
from harness.settings.members import packs
from harness.settings.settings import Settings

MOST_MEMBERS = 64
"""Most runs in one pack on a CPU: larger packs bring nothing more there."""

MOST_MEMBERS_ON_GPU = 1024

UNKNOWN_GPU = 16 * 2.0**30
"""Bytes of memory of a GPU that nobody can ask, as of another machine's. A pack that is too large there is halved."""

SHARE_OF_MEMORY = 0.25
"""Share of the machine's memory that the packs of one job may take: others work there, too."""

SHARE_OF_GPU = 0.5
"""Share of a GPU's free memory that they may take: an estimate may be off by half (`harness.training.memory`)."""

Item = TypeVar("Item")


def pack(choices: dict[str, list[str]], most: int, cells: Sequence[str]) -> dict[str, list[str]]:
    """Turn the values of settings that pack into lists, so that no job has more than ``most`` members.

    Args:
        cells: all that the runs have: an option packs where it only says how their weights start.

    >>> pack({"cell": ["rnn", "gru"], "seed": ["0", "1"]}, most=64, cells=["rnn", "gru"])
    {'cell': ['rnn', 'gru'], 'seed': ['[0,1]']}
    """
    packed = {name: len(values) for name, values in choices.items() if packs(name, cells) and len(values) > 1}
    while math.prod(packed.values()) > most:
        longest = max(packed, key=lambda name: packed[name])
        packed[longest] = math.ceil(packed[longest] / 2)
    return {
        name: [f"[{','.join(chunk)}]" for chunk in batched(values, packed[name])] if packed.get(name, 1) > 1 else values
        for name, values in choices.items()
    }


def batched(values: Sequence[Item], size: int) -> Iterator[Sequence[Item]]:
    """Consecutive pieces of at most ``size`` values."""
    for start in range(0, len(values), size):
        yield values[start : start + size]


def most_members(device: str) -> int:
    """How many runs in one pack are worth it on a device."""
    return MOST_MEMBERS if device == "cpu" else MOST_MEMBERS_ON_GPU


def members_in_memory(settings: Settings, side_by_side: int = 1) -> int:
    """How many runs like this one fit into the memory of one job.

    Args:
        side_by_side: how many jobs share the machine.
    """
    from harness.training.memory import memory

    share = SHARE_OF_MEMORY if settings.device == "cpu" else SHARE_OF_GPU
    return memory(settings).fitting(share * memory_of(settings.device) / side_by_side)


def memory_of(device: str) -> float:
    """Bytes of memory of a device: what is free on the GPU, or this machine's, or what a container leaves of it."""
    if device != "cpu":
        return free_gpu_memory(device) or UNKNOWN_GPU
    try:
        whole = float(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"))
    except (AttributeError, ValueError, OSError):  # not on Windows
        return 8.0 * (1 << 30)
    try:
        return min(whole, float(Path("/sys/fs/cgroup/memory.max").read_text("ascii")))
    except (OSError, ValueError):  # no limit, or "max"
        return whole
