"""To a device and back, without waiting: a GPU works through what it was given while the host goes on."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch
    from torch import Tensor


def sent(values: Tensor, device: torch.device) -> Tensor:
    """What lies on the host, on a device; that on the CPU itself, no copy.

    A GPU fetches it from pinned memory when its turn comes. Torch gives that memory to nobody else before.
    """
    if device.type == "cpu":
        return values
    return (values.pin_memory() if device.type == "cuda" else values).to(device, non_blocking=True)


def indices(rows: Sequence[int], device: torch.device) -> Tensor:
    """Places in a dimension, to index with on a device. A list would be sent, too, and the host would wait for that."""
    import torch

    return sent(torch.tensor(list(rows), dtype=torch.int64), device)


class Late:
    """Values of a device that the host looks at later: they travel while it goes on. On the CPU the values themselves.

    Args:
        values: on the device; what becomes of them afterwards makes no difference.
    """

    def __init__(self, values: Tensor):
        import torch

        self._there = None
        if values.device.type == "cpu":
            self._values = values
            return
        on_gpu = values.device.type == "cuda"
        self._values = torch.empty(values.shape, dtype=values.dtype, pin_memory=on_gpu)
        self._values.copy_(values, non_blocking=True)
        if on_gpu:
            self._there = torch.cuda.Event()
            self._there.record(torch.cuda.current_stream(values.device))

    def values(self) -> Tensor:
        """The values, on the host; waits until they are there."""
        if self._there is not None:
            self._there.synchronize()
        return self._values
