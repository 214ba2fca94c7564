"""One optimiser per pack, with learning rate, decay, momentum, clipping and stopping of each member's own.

The rules are torch's, operation by operation, so that their numbers are torch's to the bit (a test compares them). They
stand here because ``torch.optim`` loads the compiler of torch with its first optimiser, more than a second, and
because one tensor needs none of the lists and hooks that serve many: a step takes a third of the time.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor

from harness.base.sending import indices, sent
from harness.engine.scan.interface import norm

Averages = dict[str, Tensor]
"""What a rule remembers of the gradients so far, (K, P) each; zeros before the first step."""

Rule = Callable[[Tensor, Tensor, int, Averages, Tensor], None]
"""Adds to ``move`` what a weight moves by at a learning rate of 1; members' own rates come in afterwards.

Given move and gradient (K, P), the number of the step (from 1), the averages, and members' momentum (K, 1)."""

ADAMW_DECAY = 0.01
"""Weight decay of adamw where none is chosen: torch's default."""


def adam(move: Tensor, grad: Tensor, step: int, averages: Averages, momentum: Tensor) -> None:
    """Kingma, Ba, "Adam: a method for stochastic optimization", 2015, with torch's defaults."""
    mean, square = averages["mean"], averages["square"]
    mean.lerp_(grad, 1 - 0.9)
    square.mul_(0.999).addcmul_(grad, grad, value=1 - 0.999)
    root = square.sqrt().div_((1 - 0.999**step) ** 0.5).add_(1e-8)
    move.addcdiv_(mean, root, value=-1 / (1 - 0.9**step))


def sgd(move: Tensor, grad: Tensor, step: int, averages: Averages, momentum: Tensor) -> None:
    """Down a running sum of the gradients, in which older ones fade by the momentum: torch's, without dampening."""
    move.sub_(averages["velocity"].mul_(momentum).add_(grad))


def rmsprop(move: Tensor, grad: Tensor, step: int, averages: Averages, momentum: Tensor) -> None:
    """Tieleman, Hinton, lecture 6.5 of "Neural networks for machine learning", 2012, with torch's defaults."""
    square = averages["square"]
    square.mul_(0.99).addcmul_(grad, grad, value=1 - 0.99)
    move.addcdiv_(grad, square.sqrt().add_(1e-8), value=-1)


OPTIMIZERS: dict[str, tuple[Rule, tuple[str, ...]]] = {
    "adam": (adam, ("mean", "square")),
    "adamw": (adam, ("mean", "square")),
    "sgd": (sgd, ("velocity",)),
    "rmsprop": (rmsprop, ("square",)),
}
"""By name a rule, and the averages that it keeps."""


class MemberOptimizer:
    """One rule for all rows of a (K, P) tensor, with values of each member's own.

    A gradient is clipped entry by entry (``clip_value``, as `torch.nn.utils.clip_grad_value_`), then by its norm
    (``clip_norm``): what moves the weights keeps both limits. Decay comes after both, as in torch.

    Args:
        flat: all weights, shape (K, P); updated in place.
        name: one of `OPTIMIZERS`.
        lr: each member's learning rate.
        clip_norm: each member's largest norm of the gradient; None: no clipping.
        clip_value: each member's largest size of a gradient's entry; None: no clipping.
        momentum: each member's, of sgd; 0 if not given.
        weight_decay: each member's: times the weight, it is added to the gradient; adamw instead shrinks the weight by
            lr times as much (Loshchilov, Hutter, "Decoupled weight decay regularization", ICLR 2019). None: torch's
            default, `ADAMW_DECAY` or 0.
        trained: (P,), whether a weight moves at all: no decay moves one that is not; all if not given.

    Attributes:
        grad: where `step` finds the gradient, (K, P).
    """

    def __init__(
        self,
        flat: Tensor,
        name: str,
        lr: Sequence[float],
        clip_norm: Sequence[float | None],
        clip_value: Sequence[float | None] = (),
        momentum: Sequence[float] = (),
        weight_decay: Sequence[float | None] = (),
        trained: Tensor | None = None,
    ):
        self.flat = flat
        self.grad = torch.zeros_like(flat)
        self._decoupled = name == "adamw"
        nothing, decay = [None] * len(flat), ADAMW_DECAY if self._decoupled else 0.0
        decays = [decay if each is None else each for each in weight_decay or nothing]
        self._own = {
            "lr": flat.new_tensor(lr)[:, None],
            "norm": flat.new_tensor([limit or torch.inf for limit in clip_norm], dtype=torch.float64),
            "value": flat.new_tensor([limit or torch.inf for limit in clip_value or nothing])[:, None],
            "momentum": flat.new_tensor(momentum or [0.0] * len(flat))[:, None],
            "decay": flat.new_tensor(decays)[:, None],
        }
        self._clips, self._clips_values, self._decays = any(clip_norm), any(clip_value), any(decays)
        self._trained = flat.new_ones(flat.shape[1]) if trained is None else trained.to(flat)
        self._rule, averages = OPTIMIZERS[name]
        self._averages = {each: torch.zeros_like(flat) for each in averages}
        self._move = torch.zeros_like(flat)
        self._steps = 0

    @torch.no_grad()
    def step(self, active: Tensor, lr_factors: Sequence[float] | None = None) -> Tensor:
        """Clip `grad` per member and move the active members. Nothing here is looked at: a GPU is not waited for.

        Args:
            active: (K,), true or false.
            lr_factors: by what each member's learning rate is multiplied in this step; 1 if not given.

        Returns:
            For each member, whether its gradient was clipped, (K,).
        """
        clipped = torch.zeros_like(self._own["norm"], dtype=torch.bool)
        if self._clips_values:
            clipped |= self._clip_values()
        if self._clips:
            clipped |= self._clip_norms()
        self._move.zero_()
        if self._decays:
            decay = self._own["decay"] * self._trained
            if self._decoupled:
                self._move.addcmul_(decay, self.flat, value=-1)
            else:
                self.grad.addcmul_(decay, self.flat)
        self._steps += 1
        self._rule(self._move, self.grad, self._steps, self._averages, self._own["momentum"])
        # A member that has diverged would move by NaN or infinity; it stays where it is.
        self._move.masked_fill_(~active[:, None], 0)
        lr = self._own["lr"]
        if lr_factors is not None:
            lr = lr * sent(torch.tensor(lr_factors, dtype=lr.dtype), lr.device)[:, None]
        self.flat.addcmul_(lr, self._move)
        return clipped

    def _clip_values(self) -> Tensor:
        limit = self._own["value"]
        clipped = (self.grad.abs() > limit).any(dim=1)
        self.grad.clamp_(-limit, limit)
        return clipped

    def _clip_norms(self) -> Tensor:
        norms, limit = norm(self.grad), self._own["norm"]
        clipped = norms > limit
        self.grad.mul_(torch.where(clipped, limit / norms, 1).to(self.grad.dtype)[:, None])
        return clipped

    def keep(self, members: Sequence[int], flat: Tensor) -> None:
        """Go on with some members alone, whose weights are the rows of ``flat``."""
        rows = indices(members, flat.device)
        self.flat, self.grad, self._move = flat, self.grad[rows], self._move[rows]
        self._own = {name: values[rows] for name, values in self._own.items()}
        self._averages = {name: values[rows] for name, values in self._averages.items()}

    @property
    def state(self) -> dict[str, Any]:
        """What `restore` needs, besides the weights."""
        return {"steps": self._steps, "averages": self._averages}

    def restore(self, state: dict[str, Any]) -> None:
        """Go on from a `state`."""
        self._steps, self._averages = state["steps"], state["averages"]
