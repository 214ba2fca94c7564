"""The devices of this machine, asked for without opening them.

An opened GPU takes hundreds of megabytes of its memory in every process, and survives no fork; the command that starts
a sweep's jobs must not do that.
"""

from __future__ import annotations

import os
import subprocess
from functools import cache

from harness.base.errors import UserError

ASKED = ["nvidia-smi", "--query-gpu=index,uuid,memory.free", "--format=csv,noheader,nounits"]
"""The free memory of every GPU, in MiB."""


def check_present(device: str) -> None:
    """Check that a device is one of this machine's.

    Args:
        device: ``cpu``, ``cuda`` or ``cuda:N``.

    Raises:
        UserError: it is not.
    """
    if device == "cpu":
        return
    import torch

    count = torch.cuda.device_count()  # unlike `is_available` it opens nothing where NVML can be asked
    valid = ["cpu", *(["cuda"] if count else []), *(f"cuda:{index}" for index in range(count))]
    if device not in valid:
        raise UserError(f"device={device}: no such device here; valid: {', '.join(valid)}")


@cache
def free_gpu_memory(device: str = "cuda") -> float | None:
    """Bytes that are free on a GPU; None where nobody can tell, as on a machine that has none.

    Without a number, or where ``CUDA_VISIBLE_DEVICES`` numbers them anew, the least of those that may be meant.
    A process asks once for each device: a sweep may have hundreds of packs.
    """
    try:
        done = subprocess.run(ASKED, capture_output=True, text=True, timeout=20, check=True)
    except (OSError, subprocess.SubprocessError):
        return None
    rows = [[word.strip() for word in line.split(",")] for line in done.stdout.splitlines()]
    free = [(row[0], row[1], float(row[2]) * 2**20) for row in rows if len(row) == 3 and row[2].isdigit()]
    visible = [word.strip() for word in os.environ.get("CUDA_VISIBLE_DEVICES", "").split(",") if word.strip()]
    _, _, number = device.partition(":")
    meant = visible or ([number] if number else [index for index, *_ in free])
    # A GPU goes by its number, or by the beginning of its UUID.
    found = [size for index, uuid, size in free for each in meant if index == each or uuid.startswith(each)]
    return min(found, default=None)
