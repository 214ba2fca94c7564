"""One job per GPU: processes of one machine tell each other, by locks, which GPUs they are on."""

from __future__ import annotations

import getpass
import logging
import os
import tempfile
from pathlib import Path
from typing import IO

from harness.base.devices import check_present
from harness.base.files import try_lock

log = logging.getLogger(__name__)

_held: dict[int, IO[str] | None] = {}
"""The GPU of this process, by its place, and its lock, which the operating system opens at the process's end."""


def gpu_count() -> int:
    """How many GPUs this process may use, found without opening any."""
    import torch

    return torch.cuda.device_count()


def settle_on_gpu(device: str) -> None:
    """Let ``cuda`` mean one GPU for the rest of this process: one that no other job of this user is on, if there is.

    Where every GPU has a job already, one is shared, and a line in the log says so.

    Args:
        device: ``cuda``, any of them; or ``cuda:N``, that one.

    Raises:
        UserError: it is none of this machine's.
    """
    import torch

    check_present(device)
    _, _, number = device.partition(":")
    places = [int(number)] if number else [*_held] or list(range(gpu_count()))
    taken = next((place for place in places if _is_free(place)), None)
    if taken is None:
        taken = places[os.getpid() % len(places)]
        _held[taken] = None
        log.warning("another job is on GPU %d, which this one shares: both take longer, unless MPS runs", taken)
    torch.cuda.set_device(taken)


def _is_free(place: int) -> bool:
    """Whether no other process is on a GPU, by its place among those that this one may use; if so, this one is now."""
    if place in _held:
        return True
    visible = [word.strip() for word in os.environ.get("CUDA_VISIBLE_DEVICES", "").split(",") if word.strip()]
    name = visible[place] if place < len(visible) else str(place)
    path = Path(tempfile.gettempdir()) / f"rnn-gradient-harness-{getpass.getuser()}-gpu-{name.replace('/', '-')}.lock"
    try:
        file = path.open("a", encoding="utf-8")
    except OSError:
        return True  # nobody can tell
    if try_lock(file.fileno()) == "held":
        file.close()
        return False
    _held[place] = file
    return True
