"""One optimiser per pack, with learning rate, clipping and stopping of each member's own."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from harness.engine.scan.interface import norm

OPTIMIZERS: dict[str, Callable[[list[Tensor]], torch.optim.Optimizer]] = {
    "adam": lambda rows: torch.optim.Adam(rows, lr=1.0, foreach=False),
    "sgd": lambda rows: torch.optim.SGD(rows, lr=1.0, foreach=False),
    "rmsprop": lambda rows: torch.optim.RMSprop(rows, lr=1.0, foreach=False),
}
"""Torch's own, at a learning rate of 1. What each of them does to a weight is its learning rate times something that
depends on the gradients alone, so that one optimiser serves members of different rates: it moves a tensor of zeros,
and the rates come in afterwards. ``foreach=False``: one tensor needs no list, and rounds the same alone or packed."""


class MemberOptimizer:
    """Torch's own optimiser over the rows of a (K, P) tensor, each member with a rate and a clipping of its own.

    Args:
        flat: all weights, shape (K, P); updated in place.
        name: one of `OPTIMIZERS`.
        lr: each member's learning rate.
        clip_norm: each member's largest norm of the gradient; None: no clipping.
    """

    def __init__(self, flat: Tensor, name: str, lr: Sequence[float], clip_norm: Sequence[float | None]):
        self.flat = flat
        self.grad = torch.zeros_like(flat)
        self.lr = flat.new_tensor(lr)[:, None]
        self.limit = flat.new_tensor([limit or torch.inf for limit in clip_norm], dtype=torch.float64)
        self.clips = any(clip_norm)
        self.move = torch.nn.Parameter(torch.zeros_like(flat))
        self.move.grad = self.grad
        self.optimizer = OPTIMIZERS[name]([self.move])

    @torch.no_grad()
    def step(self, active: Sequence[bool]) -> Tensor:
        """Clip `grad` per member and move the active members.

        Returns:
            For each member, whether its gradient was clipped, (K,).
        """
        clipped = self._clip() if self.clips else torch.zeros_like(self.limit, dtype=torch.bool)
        self.move.zero_()
        self.optimizer.step()
        if not all(active):
            # A member that has diverged would move by NaN or infinity; it stays where it is.
            self.move[torch.tensor([not each for each in active], device=self.flat.device)] = 0
        self.flat.addcmul_(self.lr, self.move)
        return clipped

    def _clip(self) -> Tensor:
        norms = norm(self.grad)
        clipped = norms > self.limit
        if clipped.any():
            self.grad.mul_(torch.where(clipped, self.limit / norms, 1).to(self.grad.dtype)[:, None])
        return clipped

    def keep(self, members: Sequence[int], flat: Tensor) -> None:
        """Go on with some members alone, whose weights are the rows of ``flat``."""
        rows = list(members)
        self.flat, self.grad, self.lr, self.limit = flat, self.grad[rows], self.lr[rows], self.limit[rows]
        state = {
            name: value[rows] if isinstance(value, Tensor) and value.shape == self.move.shape else value
            for name, value in self.optimizer.state[self.move].items()
        }
        self.optimizer.state.clear()
        self.move = torch.nn.Parameter(torch.zeros_like(flat))
        self.move.grad = self.grad
        self.optimizer.param_groups[0]["params"] = [self.move]
        self.optimizer.state[self.move] = state
