"""The learning rate over a training, as a factor of `train.lr`.

The meanings are those of ``torch.optim.lr_scheduler`` (a test compares them). With w = `train.warmup` of n =
`train.steps` steps, before step i (from 0):

    warm-up   (i + 1) / (w + 1)                     i < w: LinearLR(start_factor=1 / (w + 1), total_iters=w)
    constant  1
    cosine    (1 + cos(π · (i - w) / (n - w))) / 2  CosineAnnealingLR(T_max=n - w)
    step      gamma ^ ⌊(i - w) / step_size⌋         StepLR(step_size, gamma)

one after the other, as by SequentialLR(milestones=[w]).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

from harness.settings.settings import Train

Schedule = Callable[[int], float]
"""From the training steps done to the factor of the learning rate in the next one."""

GAMMA = 0.1
"""The factor of a drop where `train.gamma` is null: torch's default."""


def schedule_of(train: Train) -> Schedule:
    """The factor of a run's learning rate, by the training steps done."""
    length = train.steps - train.warmup
    every = train.step_size or math.ceil(length / 3)
    gamma = GAMMA if train.gamma is None else train.gamma

    def factor(done: int) -> float:
        if done < train.warmup:
            return (done + 1) / (train.warmup + 1)
        past = done - train.warmup
        if train.schedule == "cosine":
            return (1 + math.cos(math.pi * past / length)) / 2
        return gamma ** (past // every) if train.schedule == "step" else 1.0

    return factor


def schedules_of(trains: Sequence[Train]) -> list[Schedule] | None:
    """The schedules of a pack's members; None where all rates stay as they are."""
    changing = any(train.schedule != "constant" or train.warmup for train in trains)
    return [schedule_of(train) for train in trains] if changing else None
