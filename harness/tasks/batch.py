"""A batch of samples: what an experiment draws."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

Inputs = NDArray[np.int64] | NDArray[np.float64]
Mask = NDArray[np.bool_]


class Batch:
    """Samples of a task: B sequences of T steps, S of which are scored.

    Attributes:
        inputs: token ids of shape (B, T), or real vectors of shape (B, T, input_size).
        targets: what the outputs should be at the scored steps: (B, S) classes or values, (B, S, n) labels
            or vectors (see `harness.tasks.outputs`).
        scored: the S time steps (1-based, increasing) whose outputs are scored, the same for all samples. Not
            given: the last S steps, so that (B, 1) targets are asked for at the end and (B, T) at every step.
        mask: which of a sample's scored outputs count in its loss, (B, S); not given: all.
        judged: which of them count in the accuracy, (B, S), none outside `mask`; not given: those of `mask`.
        cue: time steps (1-based) that hold the information to be remembered, (B, C); may be given as (B,) where
            it is one step per sample. Not given: the first step, the farthest from the end; in each window of a
            sequence that is cut into windows, that window's first step, as far back as the gradient goes.

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
        steps = np.arange(self.length - self.targets.shape[1], self.length) + 1 if scored is None else scored
        self.scored: NDArray[np.int64] = np.asarray(steps, dtype=np.int64)
        if len(self.scored) != targets.shape[1] or (np.diff(self.scored) <= 0).any() or self._outside(self.scored):
            raise ValueError(
                f"scored: {self.scored}; valid: {targets.shape[1]} increasing steps from 1 to {self.length}"
            )
        place = targets.shape[:2]
        self.mask = _shaped("mask", np.ones(place, dtype=bool) if mask is None else mask, place)
        self.judged = _shaped("judged", self.mask if judged is None else judged, place)
        if (self.judged & ~self.mask).any():
            raise ValueError("judged: holds outputs outside of mask; valid: a part of mask")
        self.names_cue = cue is not None
        self.cue: NDArray[np.int64] = np.asarray(np.ones(len(inputs)) if cue is None else cue).astype(np.int64)
        self.cue = self.cue[:, None] if self.cue.ndim == 1 else self.cue
        if self.cue.ndim != 2 or len(self.cue) != len(inputs) or self._outside(self.cue):
            raise ValueError(f"cue: valid: steps from 1 to {self.length} for each of {len(inputs)} samples")

    def _outside(self, steps: NDArray[np.int64]) -> bool:
        return bool(steps.size and (steps.min() < 1 or steps.max() > self.length))

    @property
    def length(self) -> int:
        """T."""
        return int(self.inputs.shape[1])

    def windows(self, count: int) -> list[Batch]:
        """The batch cut along time into windows of equal length, each of which continues the one before.

        A cue is counted from the window's own first step: one of an earlier window is 0 or less.

        Raises:
            ValueError: not every step is scored, or the length is no multiple of ``count``.
        """
        if count == 1:
            return [self]
        if len(self.scored) != self.length or self.length % count:
            raise ValueError(
                f"sequences of {self.length} steps, {len(self.scored)} of them scored, cannot be cut into {count} "
                "windows; valid: targets at every step (mask hides some), windows of equal length"
            )
        size = self.length // count
        found = []
        for start in range(0, self.length, size):
            cut = np.s_[:, start : start + size]
            found.append(Batch(self.inputs[cut], self.targets[cut], mask=self.mask[cut], judged=self.judged[cut]))
            if self.names_cue:
                found[-1].cue = self.cue - start
        return found

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
    made.cue = own("cue")
    return made


def _shaped(name: str, mask: Mask, shape: tuple[int, ...]) -> Mask:
    if mask.shape != shape or mask.dtype != np.bool_:
        raise ValueError(f"{name}: shape {mask.shape} of {mask.dtype}; valid: shape {shape} of bool")
    return mask


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
