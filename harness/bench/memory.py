"""Memory by counting: every allocation and release of torch's allocators, not what the system makes of it."""

from __future__ import annotations

import gc
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import torch
from torch.autograd.profiler import profile


def peak_on_gpu(call: Callable[[], object], device: str) -> int:
    """The most bytes that torch held on a GPU during a call above what it held before, CUDA graphs' memory included."""
    torch.cuda.synchronize(device)
    torch.cuda.reset_peak_memory_stats(device)
    held = torch.cuda.memory_allocated(device)
    call()
    torch.cuda.synchronize(device)
    return torch.cuda.max_memory_allocated(device) - held


def peak_bytes(call: Callable[[], object]) -> int:
    """The most bytes that torch held during a call above what it held before."""
    with _silent(), _garbage_left_alone(), profile(profile_memory=True) as found:
        call()
    events = found.kineto_results
    assert events is not None
    held = peak = 0
    for event in events.events():
        if event.name() == "[memory]":
            held += event.nbytes()
            peak = max(peak, held)
    return peak


@contextmanager
def _garbage_left_alone() -> Iterator[None]:
    """What is thrown away meanwhile of what was there before would be counted against the call's own."""
    if gc.get_freeze_count():  # it was set aside for a longer time: what is added to it could not be taken out again
        gc.collect()
        yield
        return
    gc.freeze()  # in no time; to search all that there is takes a good part of a second
    try:
        yield
    finally:
        gc.unfreeze()


@contextmanager
def _silent() -> Iterator[None]:
    """The profiler's library tells the standard error that it starts and stops."""
    kept, nowhere = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nowhere, 2)
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nowhere)
