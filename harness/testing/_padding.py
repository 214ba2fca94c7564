"""Padding that a batch does not declare."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from harness.tasks.batch import Batch

AFTER = (
    "after the last output that counts, which comes sooner in some samples than in others, all inputs are the same: "
    "padding that is not declared; valid: Batch(lengths=…), so that nothing is computed or measured there"
)
SILENCE = (
    "after the last output that counts, which comes sooner in some samples than in others, all inputs are the same, "
    "and come before as well; if it is padding there, Batch(lengths=…) says so, and nothing is computed there"
)
BEFORE = (
    "samples begin with one and the same input, which never comes again, in numbers that differ: padding on the left, "
    "whose steps are measured like any others; better: samples that begin at step 1, and Batch(lengths=…)"
)


def padded_after(batch: Batch) -> str | None:
    """Whether samples end at steps of their own, by the outputs that count, with one same input from there on.

    Returns:
        `AFTER` where this input comes nowhere else, `SILENCE` where it does, None where there is none.
    """
    last = np.where(batch.mask, batch.scored, 0).max(axis=1)
    if batch.lengths is not None or last.min() == last.max():
        return None
    after = np.arange(1, batch.length + 1) > last[:, None]
    there = _same(batch.inputs, batch.inputs[last.argmin(), last.min()])
    if not there[after].all():
        return None
    return SILENCE if there[~after].any() else AFTER


def padded_before(batch: Batch) -> bool:
    """Whether samples begin with more or less of an input that does not come again."""
    if batch.length < 2:
        return False
    leading = [_leading(_same(batch.inputs, first)) for first in np.unique(batch.inputs[:, 0], axis=0)]
    return any(runs is not None and runs.max() > runs.min() for runs in leading)


def _leading(there: NDArray[np.bool_]) -> NDArray[np.int64] | None:
    """How often it stands at the beginning of each sample, of (B, T); None where it stands elsewhere."""
    runs = np.logical_and.accumulate(there, axis=1).sum(axis=1)
    return runs if (there.sum(axis=1) == runs).all() and runs.max() > 1 else None


def _same(inputs: NDArray[np.generic], value: NDArray[np.generic]) -> NDArray[np.bool_]:
    """At which steps an input is this token or vector, (B, T)."""
    same: NDArray[np.bool_] = np.equal(inputs, value)
    return same if inputs.ndim == 2 else np.asarray(same.all(axis=2))
