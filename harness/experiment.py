"""What an experiment is: the base class of every plugin in ``experiments/``."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from harness.options import Options


@dataclass(frozen=True)
class Batch:
    """Samples of a task.

    Attributes:
        inputs: token ids of shape (B, T), or real vectors of shape (B, T, input_size).
        targets: what the outputs should be at the scored steps, shape (B, S).
        scored: the S time steps (1-based) whose outputs are scored, the same for all samples.
        cue: time step (1-based) that holds the information to be remembered, shape (B,).
    """

    inputs: NDArray[np.int64] | NDArray[np.float64]
    targets: NDArray[np.int64]
    scored: NDArray[np.int64]
    cue: NDArray[np.int64]


@dataclass(frozen=True)
class Sample:
    """One sample in words, for the report: the sequence (and its translation), the right and the given answer."""

    text: str
    translation: str
    expected: str
    answered: str


class Experiment(Options, ABC):
    """A task: what a batch is, and what counts as right. Fields are its options (``experiment.*``).

    Attributes:
        name: the experiment's name on the command line.
        claim: what this experiment is expected to show, in one sentence.
        solved_at: accuracy from which a run counts as having solved the task.
    """

    name: ClassVar[str]
    claim: ClassVar[str]
    solved_at: ClassVar[float] = 0.95

    @property
    @abstractmethod
    def input_size(self) -> int:
        """Number of token ids, or the length of an input vector."""

    @property
    @abstractmethod
    def output_size(self) -> int:
        """Number of classes."""

    @abstractmethod
    def chance(self, seq_len: int) -> float:
        """Accuracy of the best predictor without memory."""

    @abstractmethod
    def sample(self, rng: np.random.Generator, batch_size: int, seq_len: int) -> Batch:
        """Draw a batch, using no randomness but ``rng``."""

    def min_seq_len(self) -> int:
        """The shortest sequence that the task can be posed in."""
        return 1

    def loss(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """Loss of every sample in nats: cross-entropy, averaged over the scored steps.

        Args:
            outputs: logits of shape (K, B, S, output_size).
            targets: classes of shape (K, B, S).

        Returns:
            Shape (K, B).
        """
        flat = functional.cross_entropy(outputs.flatten(0, 2), targets.flatten(), reduction="none")
        return flat.view(targets.shape).mean(-1)

    def correct(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """Which scored outputs are right: shape (K, B, S), true or false."""
        # An output that is not a number is an answer that was not given.
        return (outputs.argmax(-1) == targets) & torch.isfinite(outputs).all(-1)

    def show(self, batch: Batch, index: int, output: NDArray[np.float64]) -> Sample | None:
        """One sample of a batch in words, with the answer that ``output`` (S, output_size) gives."""
        return None
