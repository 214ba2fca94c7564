"""A batch of samples: what an experiment draws."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

Inputs = NDArray[np.int64] | NDArray[np.float64]
Mask = NDArray[np.bool_]

BY_PLACE = ("targets", "mask", "judged", "asked")
"""What of a batch has a place for every scored step: (B, S, …)."""


class Batch:
    """Samples of a task: B sequences of T steps, S of which are scored.

    Sequences may be of different length: `lengths` says at which step each sample ends. What lies after it is padding,
    which may hold anything: it is set to zero here, and nothing that is computed depends on it.

    Attributes:
        inputs: token ids of shape (B, T), or real vectors of shape (B, T, input_size).
        targets: what the outputs should be at the scored steps: (B, S) classes or values, (B, S, n) labels
            or vectors (see `harness.tasks.outputs`).
        scored: the S time steps (1-based, increasing) whose outputs are scored, the same for all samples. Not
            given: the last S steps, so that (B, 1) targets are asked for at the end and (B, T) at every step. With
            lengths these are each sample's own last steps; what has S places is then laid out anew, with a place for
            every step at which some sample is scored.
        asked: which of the scored steps are a sample's own, (B, S): not those that only others have.
        mask: which of a sample's scored outputs count in its loss, (B, S); not given: all of its own.
        judged: which of them count in the accuracy, (B, S), none outside `mask`; not given: those of `mask`.
        cue: time steps (1-based) that hold the information to be remembered, (B, C); may be given as (B,) where
            it is one step per sample. Not given: the first step, the farthest from the end; in each window of a
            sequence that is cut into windows, that window's first step, as far back as the gradient goes.
        lengths: the step at which each sample ends, (B,), from 1 to T (in a window from 0); None: all have T steps.

    Raises:
        ValueError: shapes or steps that do not fit together.
    """

    def __init__(
        self,
        inputs: NDArray[Any],
        targets: NDArray[Any],
        scored: NDArray[Any] | Sequence[int] | None = None,
        mask: Mask | None = None,
        judged: Mask | None = None,
        cue: NDArray[Any] | None = None,
        lengths: NDArray[Any] | None = None,
    ):
        self.inputs: Inputs = inputs
        self.targets = targets
        if inputs.ndim not in (2, 3):
            raise ValueError(f"inputs: shape {inputs.shape}; valid: (B, T) tokens or (B, T, input_size) vectors")
        if targets.ndim not in (2, 3) or len(targets) != len(inputs) or not 1 <= targets.shape[1] <= self.length:
            raise ValueError(
                f"targets: shape {targets.shape}; valid for inputs of shape {inputs.shape}: ({len(inputs)}, S) or "
                f"({len(inputs)}, S, n) with S from 1 to {self.length}"
            )
        self.lengths = None if lengths is None else _lengths_of(lengths, len(inputs), self.length)
        steps = np.arange(self.length - self.targets.shape[1], self.length) + 1 if scored is None else scored
        self.scored: NDArray[np.int64] = np.asarray(steps, dtype=np.int64)
        if len(self.scored) != targets.shape[1] or (np.diff(self.scored) <= 0).any() or self._outside(self.scored):
            raise ValueError(
                f"scored: {self.scored}; valid: {targets.shape[1]} increasing steps from 1 to {self.length}"
            )
        place = targets.shape[:2]
        self.asked: Mask = np.ones(place, dtype=bool)
        self.mask = _shaped("mask", np.ones(place, dtype=bool) if mask is None else mask, place)
        self.judged = _shaped("judged", self.mask if judged is None else judged, place)
        if (self.judged & ~self.mask).any():
            raise ValueError("judged: holds outputs outside of mask; valid: a part of mask")
        if self.lengths is not None:
            if scored is None and targets.shape[1] < self.length:
                self._ask_at_own_ends(self.lengths)
            self._clear_padding(self.lengths)
        self.names_cue = cue is not None
        self.cue: NDArray[np.int64] = np.asarray(np.ones(len(inputs)) if cue is None else cue).astype(np.int64)
        self.cue = self.cue[:, None] if self.cue.ndim == 1 else self.cue
        if self.cue.ndim != 2 or len(self.cue) != len(inputs) or self._outside(self.cue):
            raise ValueError(f"cue: valid: steps from 1 to {self.length} for each of {len(inputs)} samples")
        if self.lengths is not None and (self.cue > self.lengths[:, None]).any():
            raise ValueError("cue: after a sample's end; valid: steps from 1 to its length")

    def _ask_at_own_ends(self, lengths: NDArray[np.int64]) -> None:
        """Lay out what is given for each sample's own last steps by the steps of all samples."""
        count = self.targets.shape[1]
        if lengths.min() < count:
            raise ValueError(
                f"lengths: {lengths.min()} is less than the {count} last steps that targets are for; valid: {count} to "
                f"{self.length}, or scored"
            )
        own = lengths[:, None] + np.arange(1 - count, 1)
        self.scored = np.unique(own)
        rows, places = np.arange(len(own))[:, None], np.searchsorted(self.scored, own)

        def laid_out(values: NDArray[Any]) -> NDArray[Any]:
            made = np.zeros((len(own), len(self.scored), *values.shape[2:]), dtype=values.dtype)
            made[rows, places] = values
            return made

        self.targets = laid_out(self.targets)
        self.asked, self.mask, self.judged = (laid_out(each) for each in (self.asked, self.mask, self.judged))

    def _clear_padding(self, lengths: NDArray[np.int64]) -> None:
        """Zeros, and nothing that counts, after each sample's end."""
        self.asked = self.asked & (self.scored <= lengths[:, None])
        self.mask, self.judged = self.mask & self.asked, self.judged & self.asked
        self.inputs, self.targets = self.inputs.copy(), self.targets.copy()
        self.inputs[np.arange(1, self.length + 1) > lengths[:, None]] = 0
        self.targets[~self.asked] = 0

    def _outside(self, steps: NDArray[np.int64]) -> bool:
        return bool(steps.size and (steps.min() < 1 or steps.max() > self.length))

    @property
    def length(self) -> int:
        """T."""
        return int(self.inputs.shape[1])

    @property
    def ends(self) -> NDArray[np.int64]:
        """The step at which each sample ends, (B,): `lengths`, or T for all."""
        return np.full(len(self.inputs), self.length) if self.lengths is None else self.lengths

    def windows(self, count: int) -> list[Batch]:
        """The batch cut along time into windows of equal length, each of which continues the one before.

        A cue is counted from the window's own first step: one of an earlier window is 0 or less.

        Raises:
            ValueError: not every step is scored, or the length is no multiple of ``count``.
        """
        if count == 1:
            return [self]
        if len(self.scored) != self.ends.max() or self.length % count:
            raise ValueError(
                f"sequences of {self.length} steps, {len(self.scored)} of them scored, cannot be cut into {count} "
                "windows; valid: targets at every step (mask hides some), windows of equal length"
            )
        size = self.length // count
        found, whole = [], self.with_places(np.arange(1, self.length + 1))
        for start in range(0, self.length, size):
            cut = np.s_[:, start : start + size]
            found.append(Batch(whole.inputs[cut], whole.targets[cut], mask=whole.mask[cut], judged=whole.judged[cut]))
            found[-1].asked = whole.asked[cut]
            if self.lengths is not None:
                found[-1].lengths = np.clip(self.lengths - start, 0, size)
            if self.names_cue:
                found[-1].cue = self.cue - start
        return found

    def with_places(self, scored: NDArray[np.int64]) -> Batch:
        """The same, laid out by these scored steps, its own among them; at the others it has zeros, and no answer."""
        if len(scored) == len(self.scored):
            return self
        made = copy.copy(self)
        made.scored, places = scored, np.searchsorted(scored, self.scored)
        for name in BY_PLACE:
            values = getattr(self, name)
            room = np.zeros((len(values), len(scored), *values.shape[2:]), dtype=values.dtype)
            room[:, places] = values
            setattr(made, name, room)
        return made

    def until(self, step: int) -> Batch:
        """The batch without what lies after a step (1-based); no sample may go on after it."""
        if step == self.length:
            return self
        return self._part(np.arange(len(self.inputs)), step, self.scored <= step)

    def longest_first(self) -> Batch:
        """The same samples, ordered by length: those that go on stand side by side."""
        if self.lengths is None:
            return self
        return self._part(np.argsort(-self.lengths, kind="stable"), self.length, np.ones(len(self.scored), dtype=bool))

    def alone(self, index: int) -> Batch:
        """One sample as a batch that ends where the sample does, with its own scored steps (`asked`)."""
        made = self._part(np.array([index]), int(self.ends[index]), self.asked[index])
        made.lengths = None
        return made

    def _part(self, rows: NDArray[np.int64], steps: int, places: Mask) -> Batch:
        """Some samples, the first steps, and some of the scored ones."""
        made = copy.copy(self)
        made.inputs, made.scored = self.inputs[rows, :steps], self.scored[places]
        for name in BY_PLACE:
            setattr(made, name, getattr(self, name)[rows][:, places])
        made.cue = self.cue[rows]
        made.lengths = None if self.lengths is None else self.lengths[rows]
        return made

    @property
    def answer(self) -> NDArray[np.int64]:
        """The step of each sample's last judged output, (B,); 0 where none of its outputs is judged."""
        return np.where(self.judged, self.scored, 0).max(axis=1)


def each_from(windows: Sequence[Batch], chosen: NDArray[np.int64]) -> Batch:
    """Sample b from ``windows[chosen[b]]``, for every sample."""
    rows = np.arange(len(chosen))

    def own(name: str) -> NDArray[Any]:
        values: NDArray[Any] = np.stack([getattr(window, name) for window in windows])[chosen, rows]
        return values

    made = Batch(own("inputs"), own("targets"), windows[0].scored, own("mask"), own("judged"))
    made.cue, made.asked = own("cue"), own("asked")
    made.lengths = None if windows[0].lengths is None else own("lengths")
    return made


def _shaped(name: str, mask: Mask, shape: tuple[int, ...]) -> Mask:
    if mask.shape != shape or mask.dtype != np.bool_:
        raise ValueError(f"{name}: shape {mask.shape} of {mask.dtype}; valid: shape {shape} of bool")
    return mask


def _lengths_of(lengths: NDArray[Any], batch: int, longest: int) -> NDArray[np.int64]:
    found = np.asarray(lengths)
    if found.shape != (batch,) or found.dtype.kind not in "iu" or not ((found >= 1) & (found <= longest)).all():
        raise ValueError(
            f"lengths: {found.tolist()}; valid: a whole number from 1 to {longest} for each of {batch} samples"
        )
    return found.astype(np.int64)


def answer_phase(
    answers: NDArray[np.int64], marker: int, blank: int | None = None, feedback: int | None = None
) -> NDArray[np.int64]:
    """The input tokens of an encoder-decoder's answer phase: a marker, and then blanks or the previous answers.

    Args:
        answers: the right answers, classes of shape (B, S).
        marker: the token at the first answer step: "now answer".
        blank: the token at all further steps, or None where the answers are fed back.
        feedback: the token of class 0 among the inputs: class c is fed back as ``feedback + c``.

    Returns:
        Tokens (B, S): the output at step s is answer s.
    """
    if (blank is None) == (feedback is None):
        raise ValueError("answer_phase: valid: either a blank token or the first token of what is fed back")
    rest = answers[:, :-1] + feedback if feedback is not None else np.full_like(answers[:, :-1], blank or 0)
    return np.concatenate([np.full_like(answers[:, :1], marker), rest], axis=1)
