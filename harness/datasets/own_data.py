"""What a file holds for a task: what is asked for, of which rows, read in which order."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from harness.base.errors import UserError
from harness.base.seeds import stream
from harness.datasets.memoryless import Level, Pairs, level
from harness.datasets.own_file import Unreadable
from harness.datasets.rows import Rows, check_classes
from harness.tasks.outputs import Classes, Outputs, Values

Task = Literal["auto", "classification", "regression", "next_step"]
Order = Literal["rows", "pixels", "permuted"]

SHADES = "·░▒▓█"

TOLERANCE = 0.1
"""Error up to which a value is right, as a share of the standard deviation of all."""

AT_ONCE = 100_000
"""Answers by which chance is measured, at most."""


@dataclass(frozen=True)
class Named(Classes):
    """Classes that have names."""

    names: tuple[str, ...] = ()

    def say(self, target: NDArray[np.generic]) -> str:
        """The class's name."""
        return self.names[int(target)]


@dataclass(frozen=True, eq=False)
class OwnData:
    """What a file holds for a task.

    Attributes:
        training, held_out: the rows of either part.
        next_step: whether the answer is the next step.
        outputs: what the answers are.
        input_size: the number of tokens, or of a step's numbers.
        order: of a row's numbers, where these are read one by one; None where steps are as they are.
    """

    training: Rows
    held_out: Rows
    next_step: bool
    outputs: Outputs
    input_size: int
    order: NDArray[np.int64] | None

    @property
    def longest(self) -> int:
        """The most steps that can be read, each with an answer."""
        shortest = min(self.training.length, self.held_out.length)
        return shortest - self.next_step if self.order is None else len(self.order)

    @property
    def cut(self) -> bool:
        """Whether less than a whole row may be read: behind a cut, a mask might leave nothing."""
        return self.by_step and self.training.mask is None

    @property
    def by_step(self) -> bool:
        """Whether there is an answer to each step."""
        return self.next_step or self.training.by_step

    def ordered(self, inputs: NDArray[Any]) -> NDArray[Any]:
        """Inputs of some rows, as they are read."""
        return inputs if self.order is None else inputs.reshape(len(inputs), -1, 1)[:, self.order]

    def targets(self, rows: Rows) -> NDArray[Any]:
        """The answers, of the kind that is asked for; the next steps are told by the steps themselves."""
        if self.next_step:
            single = self.outputs.dtype == "f" and not self.outputs.extra
            return rows.inputs[..., 0] if single else rows.inputs
        assert rows.targets is not None
        return rows.targets

    def shade(self, value: float) -> str:
        """A number as a shade between the least and the largest that is trained on."""
        low, high = self._range
        return SHADES[round(4 * min(max((value - low) / (high - low), 0), 1))] if high > low else SHADES[0]

    def pairs(self, rows: Rows) -> Pairs:
        """Answers, and the input of their own step."""
        if not self.by_step:
            if self.order is None:
                last = rows.inputs[np.arange(len(rows)), rows.lengths - 1]
            else:
                last = rows.inputs.reshape(len(rows), -1, 1)[:, self.order[-1]]
            return self._as_pairs(last, self.targets(rows))
        ahead = int(self.next_step)
        counted = np.arange(rows.length) < rows.lengths[:, None] - ahead
        samples, steps = np.nonzero(counted if rows.mask is None else counted & rows.mask)
        if len(samples) > AT_ONCE:
            some = np.sort(stream(0, "pairs").choice(len(samples), AT_ONCE, replace=False))
            samples, steps = samples[some], steps[some]
        return self._as_pairs(rows.inputs[samples, steps], self.targets(rows)[samples, steps + ahead])

    def _as_pairs(self, inputs: NDArray[Any], answers: NDArray[Any]) -> Pairs:
        return Pairs(inputs, answers.reshape(len(answers), -1) if self.outputs.dtype == "f" else answers)

    @cached_property
    def level(self) -> Level:
        """What can be known without memory."""
        tolerance = self.outputs.tolerance if isinstance(self.outputs, Values) else None
        return level(self.pairs(self.training), self.pairs(self.held_out), tolerance)

    @cached_property
    def _range(self) -> tuple[float, float]:
        return float(self.training.inputs.min()), float(self.training.inputs.max())


def own_data(whole: Rows, apart: tuple[Rows, Rows], task: Task, order: Order, tolerance: float | None) -> OwnData:
    """What rows hold for a task.

    Args:
        whole: all of them.
        apart: those to train on and those to evaluate on.
        task: what is asked for; ``auto``: what `Rows.targets` are.
        order: ``rows``: vectors as they are; ``pixels``: number by number; ``permuted``: these in a scrambled order.
        tolerance: error up to which a value is right; None: a tenth of the standard deviation.

    Raises:
        Unreadable: the file lacks what is asked for.
        UserError: what is asked for means nothing with such rows.
    """
    if task == "auto":
        real = whole.targets is not None and whole.targets.dtype.kind == "f"
        task = "next_step" if whole.targets is None else "regression" if real else "classification"
    tokens = whole.inputs.ndim == 2
    size = int(whole.inputs.max()) + 1 if tokens else int(whole.inputs.shape[2])
    places = _places(whole, task, order)
    outputs = _outputs(whole, task, size, tolerance)
    if task == "regression":
        apart = (_real(apart[0]), _real(apart[1]))
    return OwnData(*apart, task == "next_step", outputs, size if places is None else 1, places)


def _real(rows: Rows) -> Rows:
    """The rows with answers that are real numbers, whatever kind of numbers they were."""
    assert rows.targets is not None
    return rows if rows.targets.dtype.kind == "f" else replace(rows, targets=rows.targets.astype(np.float64))


def _outputs(rows: Rows, task: Task, size: int, tolerance: float | None) -> Outputs:
    """What the answers are."""
    if task == "next_step":
        if rows.lengths.min() < 2:
            raise Unreadable(
                f"a row of {rows.lengths.min()} step; valid: two or more, where the next step is asked for"
            )
        return Classes(size) if rows.inputs.ndim == 2 else _values(rows.inputs, size, tolerance)
    if rows.targets is None:
        raise UserError(f"experiment.task={task}: the file has no y; valid: next_step, or a file with y")
    if task == "regression":
        if rows.classes:
            raise UserError("experiment.task=regression: y holds texts; valid: classification, or numbers")
        n = rows.targets.shape[2] if rows.targets.ndim == 3 else 1
        return _values(rows.targets, n, tolerance)
    if rows.targets.dtype.kind == "f":
        raise UserError("experiment.task=classification: y holds real numbers; valid: regression, or whole numbers")
    count = check_classes(rows.targets)
    return Named(count, rows.classes) if rows.classes else Classes(count)


def _values(values: NDArray[Any], n: int, tolerance: float | None) -> Values:
    spread = float(values.std(dtype=np.float64))
    if not spread:
        raise Unreadable(f"all values to be told are {values.flat[0]}; valid: values that differ")
    return Values(TOLERANCE * spread if tolerance is None else tolerance, n)


def _places(rows: Rows, task: Task, order: Order) -> NDArray[np.int64] | None:
    """In which order the numbers of a row are read; None where steps are as they are."""
    if order == "rows":
        return None
    if rows.inputs.ndim == 2 or rows.by_step or task == "next_step" or (rows.lengths < rows.length).any():
        raise UserError(
            f"experiment.order={order}: valid: rows, or vectors X (N, T, F) of one length with one answer y (N,) each"
        )
    count = rows.length * rows.inputs.shape[2]
    return stream(0, "permuted").permutation(count) if order == "permuted" else np.arange(count)
