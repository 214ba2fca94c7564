"""One optimiser per pack, with learning rate, clipping and stopping of each member's own."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor

from harness.scan import norm
from harness.settings import Train

OPTIMIZERS: dict[str, Callable[[list[dict[str, Any]]], torch.optim.Optimizer]] = {
    "adam": torch.optim.Adam,
    "sgd": torch.optim.SGD,
    "rmsprop": torch.optim.RMSprop,
}


class MemberOptimizer:
    """Torch's own optimiser over the rows of a (K, P) tensor, one parameter and one group per member.

    Args:
        flat: all weights, shape (K, P); updated in place.
        settings: one per member; they may differ in ``lr`` and ``clip_norm``.
    """

    def __init__(self, flat: Tensor, settings: Sequence[Train]):
        # A row shares its storage with ``flat``: stepping the optimiser moves the network's weights.
        self.rows = [torch.nn.Parameter(row) for row in flat]
        self.grad = torch.zeros_like(flat)
        self.limit = flat.new_tensor([each.clip_norm or torch.inf for each in settings], dtype=torch.float64)
        groups: list[dict[str, Any]] = [
            {"params": [row], "lr": each.lr} for row, each in zip(self.rows, settings, strict=True)
        ]
        self.optimizer = OPTIMIZERS[settings[0].optimizer](groups)

    def step(self, active: Sequence[bool]) -> list[bool]:
        """Clip `grad` per member and move the active members.

        Returns:
            For each member, whether its gradient was clipped.
        """
        norms = norm(self.grad)
        clipped = norms > self.limit
        if clipped.any():
            factor = torch.where(clipped, self.limit / norms, 1).to(self.grad.dtype)
            self.grad.mul_(factor[:, None])
        for row, grad, moves in zip(self.rows, self.grad, active, strict=True):
            row.grad = grad if moves else None
        self.optimizer.step()
        return clipped.tolist()
