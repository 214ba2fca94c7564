"""Arrays that fit together: what a file of the user's must hold."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from harness.datasets.own_file import Unreadable

MOST_TOKENS = 1 << 16
"""Larger numbers are no tokens: each of them takes a row of the input weights."""

IGNORED = -100
"""The label of a step without an answer, as in torch (``ignore_index``)."""

TRAIN = ("train", "0", "False")
"""What a split calls the rows to train on."""


@dataclass(frozen=True, eq=False)  # arrays have no truth
class Rows:
    """N sequences of up to T steps, and their answers.

    Attributes:
        inputs: tokens (N, T), int64, or vectors (N, T, F).
        targets: classes, int64, or values: (N,) of a sample's end, (N, T) of each step, (N, 1, n) or (N, T, n) with n
            values for each; None where there are none.
        lengths: up to which step each sample goes, (N,); what is behind it is 0.
        mask: which steps' answers count, (N, T); None: all.
        split: what part each sample belongs to, (N,); None where nothing is said.
        classes: what the classes are called; none where they are numbers.
    """

    inputs: NDArray[Any]
    targets: NDArray[Any] | None
    lengths: NDArray[np.int64]
    mask: NDArray[np.bool_] | None = None
    split: NDArray[np.str_] | None = None
    classes: tuple[str, ...] = ()

    @property
    def length(self) -> int:
        """T."""
        return int(self.inputs.shape[1])

    @property
    def by_step(self) -> bool:
        """Whether there is an answer for each step."""
        return self.targets is not None and _by_step(self.targets, self.length)

    def __len__(self) -> int:
        return len(self.inputs)

    def only(self, chosen: NDArray[Any]) -> Rows:
        """Some of the samples: their numbers, or a truth for each."""
        return Rows(
            self.inputs[chosen],
            None if self.targets is None else self.targets[chosen],
            self.lengths[chosen],
            None if self.mask is None else self.mask[chosen],
            None if self.split is None else self.split[chosen],
            self.classes,
        )


def checked(arrays: Mapping[str, NDArray[Any]]) -> Rows:
    """Arrays of a file, by name, as rows.

    Args:
        arrays: ``X`` and, as far as they are there, ``y``, ``lengths``, ``mask`` and ``split``.

    Raises:
        Unreadable: a shape, type or number does not fit; the message names the array and what is valid.
    """
    inputs = np.asarray(arrays["X"])
    if inputs.ndim == 1 and inputs.dtype.kind in "iufb":
        # One long series, and what is said of its steps.
        arrays = {name: np.asarray(each)[None] if len(each) == len(inputs) else each for name, each in arrays.items()}
        inputs = inputs[None]
    if inputs.dtype.kind not in "iufb":
        raise Unreadable(f"X: {inputs.dtype}; valid: whole numbers (tokens) or real ones")
    if inputs.ndim not in (2, 3) or 0 in inputs.shape:
        raise Unreadable(f"X: shape {inputs.shape}; valid: (N, T) or (N, T, F), none of them 0")
    count, length = inputs.shape[:2]
    lengths = _lengths(arrays.get("lengths"), count, length)
    inside = np.arange(length) < lengths[:, None]
    y = None if (given := arrays.get("y")) is None else _shaped(np.asarray(given), count, length)
    by_step = y is not None and _by_step(y, length)
    said = arrays.get("mask")
    if said is None and y is not None and by_step and y.dtype.kind == "i" and (y == IGNORED).any():
        said = y != IGNORED
    mask = _mask(said, inside, by_step or y is None)
    targets, classes = (None, ()) if y is None else _targets(y, (inside if mask is None else mask) if by_step else None)
    split = _split(arrays.get("split"), count)
    return Rows(_inputs(inputs, inside), targets, lengths, mask, split, classes)


def _lengths(given: NDArray[Any] | None, count: int, length: int) -> NDArray[np.int64]:
    if given is None:
        return np.full(count, length, dtype=np.int64)
    if given.shape != (count,) or given.dtype.kind not in "iu":
        raise Unreadable(f"lengths: shape {given.shape} of {given.dtype}; valid: ({count},) of whole numbers")
    if (wrong := (given < 1) | (given > length)).any():
        raise Unreadable(f"lengths: {given[wrong][0]} in row {wrong.argmax()}; valid: 1 to {length}")
    return given.astype(np.int64)


def _inputs(inputs: NDArray[Any], inside: NDArray[np.bool_]) -> NDArray[Any]:
    """Tokens or vectors; what is behind the end of a sample is 0, whatever it was."""
    tokens = inputs.ndim == 2 and inputs.dtype.kind in "iub"
    if not tokens:
        inputs = inputs if inputs.ndim == 3 else inputs[..., None]
        inputs = inputs if inputs.dtype.kind == "f" else inputs.astype(np.float64)
    if not inside.all():
        inputs = np.where(inside if tokens else inside[..., None], inputs, inputs.dtype.type(0))
    if not tokens:
        _check_finite("X", inputs)
        return inputs
    if inputs.min() < 0 or inputs.max() >= MOST_TOKENS:
        worst = inputs.min() if inputs.min() < 0 else inputs.max()
        raise Unreadable(
            f"X: token {worst}; valid: tokens from 0 to {MOST_TOKENS - 1}, or real numbers (a float dtype)"
        )
    return inputs.astype(np.int64)


def _shaped(y: NDArray[Any], count: int, length: int) -> NDArray[Any]:
    """Answers (N,), (N, T), or (N, 1, n) or (N, T, n) of more than one value."""
    if y.dtype.kind not in "iufbU":
        raise Unreadable(f"y: {y.dtype}; valid: whole numbers or texts (classes), or real numbers (values)")
    vectors = y.ndim == 3 and y.dtype.kind == "f" and y.shape[1] in (1, length) and y.shape[2] > 0
    if y.shape[:1] != (count,) or not (vectors or y.ndim == 1 or (y.ndim == 2 and y.shape[1] in (1, length))):
        raise Unreadable(
            f"y: shape {y.shape}; valid for X of {count} samples, {length} steps: ({count},) or ({count}, {length}); "
            f"of n real values each ({count}, 1, n) or ({count}, {length}, n)"
        )
    y = y[..., 0] if y.ndim == 3 and y.shape[2] == 1 else y
    return y[:, 0] if y.ndim == 2 and y.shape[1] == 1 else y


def _by_step(y: NDArray[Any], length: int) -> bool:
    """Whether `_shaped` answers are one for each step."""
    return y.ndim > 1 and y.shape[1] == length > 1


def _targets(y: NDArray[Any], counted: NDArray[np.bool_] | None) -> tuple[NDArray[Any], tuple[str, ...]]:
    """Whole numbers, with the names of texts, or finite values.

    Args:
        counted: of answers to each step, which count: others are replaced by one that does.
    """
    if counted is not None and not counted.all():
        y = y.copy()
        y[~counted] = y[counted][0]
    if y.dtype.kind == "f":
        _check_finite("y", y)
        return y, ()
    if y.dtype.kind == "U":
        names, numbers = np.unique(y, return_inverse=True)
        return numbers.reshape(y.shape).astype(np.int64), tuple(map(str, names))
    return y.astype(np.int64), ()


def check_classes(targets: NDArray[np.int64]) -> int:
    """How many classes there are.

    Raises:
        Unreadable: their numbers do not begin with 0, or one is left out.
    """
    there = np.unique(targets)
    if (there != np.arange(len(there))).any():
        lowest = there[0]
        gap = next(place for place, label in enumerate(there.tolist()) if label != place)
        why = f"label {lowest} is negative" if lowest < 0 else f"no label {gap}, though there is a {there[-1]}"
        raise Unreadable(f"y: {why}; valid: 0 to n - 1 without a gap, or texts, or experiment.task=regression")
    if len(there) < 2:
        raise Unreadable(f"y: all labels are {there[0]}; valid: at least two classes")
    return len(there)


def _mask(given: NDArray[Any] | None, inside: NDArray[np.bool_], by_step: bool) -> NDArray[np.bool_] | None:
    if given is None:
        return None
    if given.shape != inside.shape or given.dtype != np.bool_:
        raise Unreadable(f"mask: shape {given.shape} of {given.dtype}; valid: {inside.shape} of bool")
    if not by_step:
        raise Unreadable("mask: y has one answer for a sample; valid: a mask where y has one for each step")
    counted = given & inside
    if not (some := counted.any(axis=1)).all():
        raise Unreadable(f"mask: no answer of row {some.argmin()} counts; valid: at least one in each")
    return np.asarray(counted)


def _split(given: NDArray[Any] | None, count: int) -> NDArray[np.str_] | None:
    if given is None:
        return None
    if given.shape != (count,) or given.dtype.kind not in "iubU":
        raise Unreadable(f"split: shape {given.shape} of {given.dtype}; valid: ({count},) of texts, or of 0 and 1")
    names = given.astype(np.str_)
    return np.where(np.isin(names, TRAIN), TRAIN[0], names)


def _check_finite(name: str, values: NDArray[Any]) -> None:
    if not (fine := np.isfinite(values)).all():
        place = np.argwhere(~fine)[0].tolist()
        what = "nan" if np.isnan(values[tuple(place)]) else "inf"
        raise Unreadable(f"{name}: {what} at {place} (of {int((~fine).sum())}); valid: finite numbers")
