"""What is added to the gradient of the loss besides: each member's penalties, times their weights.

The loss itself, in tables and on the terminal, stays the task's.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from harness.base.sending import indices, sent
from harness.engine.gradient_penalty import gradient_penalty
from harness.engine.network import LayerSteps, Network
from harness.engine.orthogonal_penalty import orthogonal_gradient
from harness.settings.settings import Train
from harness.training.gradient import Pass


class Penalties:
    """The penalties of a pack's members.

    Args:
        trains: of the pack's runs; members are numbered by them.
    """

    def __init__(self, trains: Sequence[Train]):
        self._orthogonal = [train.orthogonal_penalty for train in trains]
        self._gradient = [train.gradient_penalty for train in trains]

    def room(self, network: Network, inputs: Tensor, members: Sequence[int]) -> LayerSteps | None:
        """What `Network.gradients` is to keep for `add_to`."""
        wanted = any(self._gradient[member] for member in members)
        return network.step_gradients(inputs, totals=True) if wanted else None

    def add_to(
        self, grad: Tensor, network: Network, members: Sequence[int], taken: Pass, kept: LayerSteps | None
    ) -> None:
        """Add the penalties' gradients to the rows of ``grad``, (K, P).

        Args:
            members: which member each row is.
            taken: what the gradient was taken on.
            kept: what became of `room`.
        """
        _add(grad, [self._orthogonal[member] for member in members], lambda rows: orthogonal_gradient(network))
        if kept is not None:
            strengths = [self._gradient[member] for member in members]
            batch = taken.batch

            def omega(rows: Sequence[int]) -> Tensor:
                found = gradient_penalty(network, batch.inputs, kept, rows, taken.start, taken.masks, batch.lengths)
                return found[1]

            _add(grad, strengths, omega)


def _add(grad: Tensor, strengths: Sequence[float | None], found: Callable[[Sequence[int]], Tensor]) -> None:
    """Add to the rows with a strength that many times what is found, (K, P), and touch no other."""
    rows = [row for row, strength in enumerate(strengths) if strength]
    if rows:
        times = sent(torch.tensor([strengths[row] for row in rows], dtype=grad.dtype), grad.device)[:, None]
        there = indices(rows, grad.device)
        grad[there] += times * found(rows)[there]
