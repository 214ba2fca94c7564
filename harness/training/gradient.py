"""The gradient of one training step, and why it is not finite where it is not."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from harness.cells.base import Named
from harness.engine.dropout import Masks
from harness.engine.forward import LayerStates
from harness.engine.network import LayerSteps, Network
from harness.engine.truncation import Truncation
from harness.settings.settings import Train
from harness.tables.reasons import NOT_FINITE, OVERFLOWED
from harness.tasks.data import Data


def truncation(train: Train) -> Truncation | None:
    """How far a training carries errors back; None: all the way."""
    return Truncation(train.k1 or train.k2, train.k2) if train.k2 else None


@dataclass(frozen=True)
class Pass:
    """What the networks of a pack are trained on at one step.

    Attributes:
        batch: of every member.
        start: the states that it starts from; None: zeros.
        masks: what dropout lets through between layers; None: all.
        cut: how far errors are carried back; None: all the way.
    """

    batch: Data
    start: LayerStates | None
    masks: Masks | None
    cut: Truncation | None

    def gradient(
        self, network: Network, grad: Tensor, keep: LayerSteps | None = None, last: LayerStates | None = None
    ) -> Tensor:
        """Write the gradient of each member's mean loss, (K, P).

        Args:
            keep, last: for per-step gradients and for the states at the end, see `Network.gradients`.

        Returns:
            The losses of all samples, (K, B).
        """
        batch = self.batch
        losses, _ = network.gradients(
            batch.inputs, batch.scored, batch.loss, grad, keep, start=self.start, lengths=batch.lengths,
            masks=self.masks, cut=self.cut, last=last,
        )  # fmt: skip
        grad /= losses.shape[1]
        return losses

    def why_not_finite(self, network: Network, member: int) -> str:
        """What is told of a member's gradient that is not finite though its loss is: whether float64 would hold it."""
        if network.flat.dtype == torch.float64:
            return NOT_FINITE
        own = network.only([member]).to(torch.float64)
        grad = torch.zeros_like(own.flat)
        self._in_double(member).gradient(own, grad)
        return OVERFLOWED if grad.isfinite().all() else NOT_FINITE

    def _in_double(self, member: int) -> Pass:
        start = self.start and [
            Named({part: values[[member]].double() for part, values in layer.items()}) for layer in self.start
        ]
        masks = self.masks and Masks([each[[member]].double() for each in self.masks.factors])
        return Pass(self.batch.only([member]).to(torch.float64), start, masks, self.cut)
