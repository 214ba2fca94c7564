"""Memory by counting: every allocation and release of torch's CPU allocator, not what the system makes of it."""

from __future__ import annotations

from collections.abc import Callable

from torch.autograd.profiler import profile


def peak_bytes(call: Callable[[], object]) -> int:
    """The most bytes that torch held during a call above what it held before."""
    with profile(profile_memory=True) as found:
        call()
    events = found.kineto_results
    assert events is not None
    held = peak = 0
    for event in events.events():
        if event.name() == "[memory]":
            held += event.nbytes()
            peak = max(peak, held)
    return peak
