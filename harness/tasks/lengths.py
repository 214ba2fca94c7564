"""The lengths at which a task can be posed, and rows of different length.

One option offers such rows; rows of each length are drawn and put side by side in a batch.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, model_validator

from harness.tasks.batch import Batch
from harness.tasks.experiment import Experiment


def possible_lengths(experiment: Experiment, shortest: int, longest: int) -> list[int]:
    """The lengths in a range, its ends among them, at which a task can be posed."""
    return [length for length in range(shortest, longest + 1) if not experiment.refuses(length)]


class VariedLengths(Experiment):
    """A task whose rows may differ in length: with ``experiment.shortest`` each row has a length of its own.

    Lengths are drawn from `shortest` to ``seq_len``, each as likely. A task that offers this writes `rows`, which draws
    rows of one length, in place of `sample`; what depends on the length (`chance_loss`, say) is then a mean over
    `lengths`.
    """

    shortest: int | None = Field(
        None, description="rows of different length: each one's is drawn from shortest to seq_len; null: seq_len"
    )

    @model_validator(mode="after")
    def _long_enough(self) -> Self:
        if self.shortest is not None and self.shortest < (least := self.min_seq_len()):
            raise ValueError(f"shortest={self.shortest}; valid: {least} or more, or null")
        return self

    @abstractmethod
    def rows(self, rng: np.random.Generator, batch_size: int, seq_len: int) -> Batch:
        """Draw rows of ``seq_len`` steps, using no randomness but ``rng``."""

    def sample(self, rng: np.random.Generator, batch_size: int, seq_len: int) -> Batch:
        """Draw `rows`, each of a length of its own."""
        if self.shortest is None:
            return self.rows(rng, batch_size, seq_len)
        drawn = rng.choice(self.lengths(seq_len), size=batch_size)
        places = [np.flatnonzero(drawn == length) for length in np.unique(drawn)]
        return side_by_side([self.rows(rng, len(own), int(drawn[own[0]])) for own in places], places, seq_len)

    def lengths(self, seq_len: int) -> NDArray[np.int64]:
        """The lengths that a row may have, each as likely."""
        shortest = seq_len if self.shortest is None else self.shortest
        return np.array(possible_lengths(self, shortest, seq_len))

    def refuses(self, seq_len: int) -> str | None:
        """See `harness.tasks.experiment.Experiment.refuses`: the longest row is no shorter than the shortest."""
        if self.shortest is not None and seq_len < self.shortest:
            return f"{self.shortest} or more, by experiment.shortest"
        return super().refuses(seq_len)


def side_by_side(batches: Sequence[Batch], places: Sequence[NDArray[np.int64]], length: int) -> Batch:
    """One batch of samples of different length.

    Args:
        batches: samples of one length each.
        places: where the samples of each of them stand, among all.
        length: T, of the longest sample or more.
    """
    count = sum(map(len, places))
    scored = np.unique(np.concatenate([batch.scored for batch in batches]))
    clues = max(batch.cue.shape[1] for batch in batches)

    def room(width: int, values: NDArray[Any]) -> NDArray[Any]:
        return np.zeros((count, width, *values.shape[2:]), dtype=values.dtype)

    first = batches[0]
    inputs, targets = room(length, first.inputs), room(len(scored), first.targets)
    mask, judged, asked = (room(len(scored), first.mask) for _ in range(3))
    cue, lengths = room(clues, first.cue), np.empty(count, dtype=np.int64)
    for batch, rows in zip(batches, places, strict=True):
        at = rows[:, None], np.searchsorted(scored, batch.scored)
        inputs[rows, : batch.length] = batch.inputs
        targets[at], mask[at], judged[at], asked[at] = batch.targets, batch.mask, batch.judged, batch.asked
        cue[rows, : batch.cue.shape[1]] = batch.cue
        cue[rows, batch.cue.shape[1] :] = batch.cue[:, -1:]  # where others have more, the last one stands for them
        lengths[rows] = batch.ends
    made = Batch(inputs, targets, scored, mask, judged, cue if first.names_cue else None, lengths)
    made.asked = asked
    return made
