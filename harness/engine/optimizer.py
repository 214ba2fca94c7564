"""One optimiser per pack, with learning rate, clipping and stopping of each member's own.

The rules are torch's, operation by operation, so that their numbers are torch's to the bit (a test compares them). They
stand here because ``torch.optim`` loads the compiler of torch with its first optimiser, more than a second, and
because one tensor needs none of the lists and hooks that serve many: a step takes a third of the time.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor

from harness.engine.scan.interface import norm

Averages = dict[str, Tensor]
"""What a rule remembers of the gradients so far, (K, P) each; zeros before the first step."""


def adam(move: Tensor, grad: Tensor, step: int, averages: Averages) -> None:
    """Kingma, Ba, "Adam: a method for stochastic optimization", 2015, with torch's defaults."""
    mean, square = averages["mean"], averages["square"]
    mean.lerp_(grad, 1 - 0.9)
    square.mul_(0.999).addcmul_(grad, grad, value=1 - 0.999)
    root = square.sqrt().div_((1 - 0.999**step) ** 0.5).add_(1e-8)
    move.addcdiv_(mean, root, value=-1 / (1 - 0.9**step))


def sgd(move: Tensor, grad: Tensor, step: int, averages: Averages) -> None:
    """Down the gradient, without momentum."""
    move.sub_(grad)


def rmsprop(move: Tensor, grad: Tensor, step: int, averages: Averages) -> None:
    """Tieleman, Hinton, lecture 6.5 of "Neural networks for machine learning", 2012, with torch's defaults."""
    square = averages["square"]
    square.mul_(0.99).addcmul_(grad, grad, value=1 - 0.99)
    move.addcdiv_(grad, square.sqrt().add_(1e-8), value=-1)


OPTIMIZERS: dict[str, tuple[Callable[[Tensor, Tensor, int, Averages], None], tuple[str, ...]]] = {
    "adam": (adam, ("mean", "square")),
    "sgd": (sgd, ()),
    "rmsprop": (rmsprop, ("square",)),
}
"""By name a rule, and the averages that it keeps. A rule adds to ``move`` what a weight moves by at a learning rate of
1; members' own rates come in afterwards. ``step`` counts from 1."""


class MemberOptimizer:
    """One rule for all rows of a (K, P) tensor, each member with a rate and a clipping of its own.

    Args:
        flat: all weights, shape (K, P); updated in place.
        name: one of `OPTIMIZERS`.
        lr: each member's learning rate.
        clip_norm: each member's largest norm of the gradient; None: no clipping.

    Attributes:
        grad: where `step` finds the gradient, (K, P).
    """

    def __init__(self, flat: Tensor, name: str, lr: Sequence[float], clip_norm: Sequence[float | None]):
        self.flat = flat
        self.grad = torch.zeros_like(flat)
        self._lr = flat.new_tensor(lr)[:, None]
        self._limit = flat.new_tensor([limit or torch.inf for limit in clip_norm], dtype=torch.float64)
        self._clips = any(clip_norm)
        self._rule, averages = OPTIMIZERS[name]
        self._averages = {each: torch.zeros_like(flat) for each in averages}
        self._move = torch.zeros_like(flat)
        self._steps = 0

    @torch.no_grad()
    def step(self, active: Sequence[bool]) -> Tensor:
        """Clip `grad` per member and move the active members.

        Returns:
            For each member, whether its gradient was clipped, (K,).
        """
        clipped = self._clip() if self._clips else torch.zeros_like(self._limit, dtype=torch.bool)
        self._steps += 1
        self._rule(self._move.zero_(), self.grad, self._steps, self._averages)
        if not all(active):
            # A member that has diverged would move by NaN or infinity; it stays where it is.
            self._move[torch.tensor([not each for each in active], device=self.flat.device)] = 0
        self.flat.addcmul_(self._lr, self._move)
        return clipped

    def _clip(self) -> Tensor:
        norms = norm(self.grad)
        clipped = norms > self._limit
        if clipped.any():
            self.grad.mul_(torch.where(clipped, self._limit / norms, 1).to(self.grad.dtype)[:, None])
        return clipped

    def keep(self, members: Sequence[int], flat: Tensor) -> None:
        """Go on with some members alone, whose weights are the rows of ``flat``."""
        rows = list(members)
        self.flat, self.grad, self._move = flat, self.grad[rows], self._move[rows]
        self._lr, self._limit = self._lr[rows], self._limit[rows]
        self._averages = {name: values[rows] for name, values in self._averages.items()}

    @property
    def state(self) -> dict[str, Any]:
        """What `restore` needs, besides the weights."""
        return {"steps": self._steps, "averages": self._averages}

    def restore(self, state: dict[str, Any]) -> None:
        """Go on from a `state`."""
        self._steps, self._averages = state["steps"], state["averages"]
