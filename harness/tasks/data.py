"""From an experiment's batches to tensors: one stream of data per purpose and seed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from harness.tasks.batch import Batch
from harness.tasks.outputs import Outputs, masked_mean

BY_SAMPLE = ("targets", "mask", "judged", "cue", "answer")
"""What has a row per member and sample: (K, B, …)."""


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
        answer: the step (1-based) of each sample's last judged output, (K, B); 0 where none is judged.
        lengths: the step at which each sample ends, (K, B), int64; None: all have T steps.
        in_order: whether the losses of a sample are added one after another, so that steps at which only others are
            scored change nothing, to the bit: where `scored` depends on who is beside.
        earlier: of sequences in windows, the inputs of the windows before: the state comes from there.
        window: which of its sequence's windows each sample is, from 0: (K, B); where there are `earlier` ones.
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
    answer: NDArray[np.int64]
    lengths: Tensor | None = None
    in_order: bool = False
    earlier: tuple[Tensor, ...] = ()
    window: Tensor | None = None

    def loss(self, outputs: Tensor) -> Tensor:
        """Loss of every sample (K, B) from outputs (K, B, S, size): the mean over its scored outputs."""
        losses = self.meaning.loss(outputs, self.targets)
        return losses.mean(-1) if self.all_count else masked_mean(losses, self.mask, self.in_order)

    def answer_loss(self, outputs: Tensor) -> Tensor:
        """Loss (K, B) of every sample's last judged output alone; 0 where none is judged."""
        return masked_mean(self.meaning.loss(outputs, self.targets), self._last_judged)

    @property
    def one_answer(self) -> bool:
        """Whether `loss` and `answer_loss` are the same: every sample's only scored output is its judged one."""
        return bool((self.mask == self._last_judged).all() and self._last_judged.any(-1).all())

    @property
    def _last_judged(self) -> Tensor:
        steps = torch.tensor(self.scored, device=self.judged.device)
        return self.judged & (steps == torch.from_numpy(self.answer).to(steps)[..., None])

    def right(self, outputs: Tensor) -> Tensor:
        """How many judged outputs of each sample are right, (K, B)."""
        return (self.meaning.right(outputs, self.targets) & self.judged).sum(dim=2)

    def reach(self, step: int) -> Tensor:
        """Which samples have a step (1-based), (K, B)."""
        if self.lengths is None:
            return self.mask.new_ones(self.mask.shape[:2])
        return self.lengths >= step

    def only(self, members: Sequence[int]) -> Data:
        """The data of some members."""
        rows = list(members)
        return replace(
            self,
            **{name: getattr(self, name)[rows] for name in ("inputs", *BY_SAMPLE)},
            earlier=tuple(inputs[rows] for inputs in self.earlier),
            window=None if self.window is None else self.window[rows],
            lengths=None if self.lengths is None else self.lengths[rows],
            batches=[self.batches[row] for row in rows],
        )

    def to(self, dtype: torch.dtype) -> Data:
        """The same with real numbers in another precision."""

        def converted(values: Tensor) -> Tensor:
            return values.to(dtype) if values.is_floating_point() else values

        return replace(
            self,
            inputs=converted(self.inputs),
            targets=converted(self.targets),
            earlier=tuple(converted(inputs) for inputs in self.earlier),
        )

    def chunks(self, size: int) -> list[Data]:
        """The same data in pieces of at most ``size`` samples."""
        return [self.samples(start, start + size) for start in range(0, self.targets.shape[1], size)]

    def samples(self, start: int, stop: int) -> Data:
        """Some of the samples; ``batches`` stay whole."""
        return replace(
            self,
            inputs=self.inputs[:, :, start:stop],
            earlier=tuple(inputs[:, :, start:stop] for inputs in self.earlier),
            window=None if self.window is None else self.window[:, start:stop],
            lengths=None if self.lengths is None else self.lengths[:, start:stop],
            **{name: getattr(self, name)[:, start:stop] for name in BY_SAMPLE},
        )
