"""From an experiment's batches to tensors: one stream of data per purpose and seed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from harness.tasks.batch import Batch
from harness.tasks.outputs import Outputs, masked_mean


@dataclass(frozen=True)
class Data:
    """A batch for every member, ready for the network.

    Attributes:
        meaning: what the outputs mean.
        inputs: tokens (K, T, B), int64, or vectors (K, T, B, input_size).
        targets: (K, B, S), or (K, B, S, n).
        mask: which outputs count in the loss, (K, B, S).
        judged: which outputs count in the accuracy, (K, B, S).
        scored: the S steps (1-based) that are scored.
        cue: (K, B, C), the steps (1-based) that hold the information.
        batches: what each member's data were made of.
        all_count: whether `mask` is true everywhere, as in most tasks: the loss is then a plain mean.
        continues: whether the sequences go on where those of the batch before ended: the state is carried.
    """

    meaning: Outputs
    inputs: Tensor
    targets: Tensor
    mask: Tensor
    judged: Tensor
    scored: list[int]
    cue: NDArray[np.int64]
    batches: list[Batch]
    all_count: bool
    continues: bool

    def loss(self, outputs: Tensor) -> Tensor:
        """Loss of every sample (K, B) from outputs (K, B, S, size): the mean over its scored outputs."""
        losses = self.meaning.loss(outputs, self.targets)
        return losses.mean(-1) if self.all_count else masked_mean(losses, self.mask)

    def right(self, outputs: Tensor) -> Tensor:
        """How many judged outputs of each sample are right, (K, B)."""
        return (self.meaning.right(outputs, self.targets) & self.judged).sum(dim=2)

    def only(self, members: Sequence[int]) -> Data:
        """The data of some members."""
        rows = list(members)
        return replace(
            self,
            **{name: getattr(self, name)[rows] for name in ("inputs", "targets", "mask", "judged", "cue")},
            batches=[self.batches[row] for row in rows],
        )

    def chunks(self, size: int) -> list[Data]:
        """The same data in pieces of at most ``size`` samples."""
        return [self.samples(start, start + size) for start in range(0, self.targets.shape[1], size)]

    def samples(self, start: int, stop: int) -> Data:
        """Some of the samples; ``batches`` stay whole."""
        by_sample = {name: getattr(self, name)[:, start:stop] for name in ("targets", "mask", "judged", "cue")}
        return replace(self, inputs=self.inputs[:, :, start:stop], **by_sample)
