"""What the host is told of a training step.

Which members go on is decided where they train, at once. On a GPU the host would have to wait for the step's end to
know it, so that it looks when the next step is under way. What it then writes down is the same.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from harness.base.sending import Late
from harness.engine.network import Network
from harness.training.gradient import Pass
from harness.training.record import Record


def sizes(losses: Tensor, grad: Tensor) -> Tensor:
    """The loss of every member and the largest size in its gradient (K, P), (2, K): both finite, or it has diverged."""
    return torch.stack([losses, torch.linalg.vector_norm(grad, ord=torch.inf, dim=1)])


@dataclass(frozen=True)
class Outcome:
    """A training step that was taken.

    Attributes:
        step: its number, from 1.
        members: which run each row is.
        found: `sizes`, on their way to the host.
        taken, network: what the gradient was taken on, and of. Members that have diverged in it do not move any more.
    """

    step: int
    members: Sequence[int]
    found: Late
    taken: Pass
    network: Network

    def note_in(self, record: Record) -> None:
        """Note who has diverged."""
        losses, largest = self.found.values()
        training = record.training(self.members)
        record.losses(self.step, self.members, losses.tolist())
        overflowed = (losses.isfinite() & ~largest.isfinite()).tolist()
        reasons = {
            member: self.taken.why_not_finite(self.network, row)
            for row, member in enumerate(self.members)
            if overflowed[row] and training[row]
        }
        record.overflowed(self.step, reasons)


class Lookout:
    """Outcomes that the host has still to look at.

    Args:
        late: how many may wait at the end of a step.
    """

    def __init__(self, record: Record, late: int):
        self._record, self._late = record, late
        self._waiting: deque[Outcome] = deque()

    def take(self, outcome: Outcome, now: bool) -> int | None:
        """Look at what must not wait any longer.

        Args:
            outcome: of the step just taken.
            now: whether nothing may wait, because it is measured or saved.

        Returns:
            The step after which no member trained any more, if there was one: the last to count.
        """
        self._waiting.append(outcome)
        at_most = 0 if now else self._late
        while len(self._waiting) > at_most:
            seen = self._waiting.popleft()
            seen.note_in(self._record)
            if not any(self._record.training(seen.members)):
                self._waiting.clear()
                return seen.step
        return None
