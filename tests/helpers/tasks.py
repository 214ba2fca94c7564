"""What tests of experiments share: a fixed draw, and what can be answered without memory, by counting."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray

from harness.base.seeds import stream
from harness.experiment import Batch, Experiment


def draw(task: Experiment, batch_size: int, seq_len: int, held_out: bool = False) -> Batch:
    """The same batch every time; of the data that are kept from training if so wished."""
    return (task.held_out if held_out else task.sample)(stream(0, "test"), batch_size, seq_len)


@dataclass(frozen=True)
class Lookup:
    """The best table that names an answer, or its probability, for each value that is seen.

    Attributes:
        counts: how often each answer (column) belonged to each value seen (row).
    """

    counts: NDArray[np.int64]

    @property
    def shares(self) -> NDArray[np.float64]:
        """Of each value that occurs, the share of every answer: (values that occur, answers)."""
        occurring = self.counts[self.counts.any(axis=1)]
        return np.asarray(occurring / occurring.sum(axis=1, keepdims=True))

    @property
    def accuracy(self) -> float:
        """Share of right answers if each value is given its commonest one."""
        return float(self.counts.max(axis=1).sum() / self.counts.sum())

    @property
    def loss(self) -> float:
        """Cross entropy (nats) if each value is given these shares."""
        taken = self.counts[self.counts.any(axis=1)]
        return float(-np.log(self.shares[taken > 0]) @ taken[taken > 0] / taken.sum())


def lookup(seen: NDArray[np.integer], answers: NDArray[np.integer]) -> Lookup:
    """Count which answers belong to what is seen; two arrays of whole numbers, of one shape."""
    counts = np.zeros((seen.max() + 1, answers.max() + 1), dtype=np.int64)
    np.add.at(counts, (seen, answers), 1)
    return Lookup(counts)


def scores(task: Experiment, answers: ArrayLike, targets: NDArray[np.floating]) -> tuple[float, float]:
    """Accuracy and loss of answering numbers, as the task counts them.

    Args:
        answers: one number for all, or (B, S, 1).
        targets: (B, S).
    """
    said = torch.tensor(np.broadcast_to(answers, (*targets.shape, 1)), dtype=torch.float64)
    wanted = torch.from_numpy(targets)
    right, loss = task.outputs.right(said, wanted), task.outputs.loss(said, wanted)
    return right.double().mean().item(), loss.mean().item()
