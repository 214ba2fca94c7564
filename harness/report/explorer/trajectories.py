"""The answer's gradient of many runs by lag, and their accuracy, through the training; no more than a page holds."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pyarrow.compute as pc
from numpy.typing import NDArray

from harness.analysis.words import evenly
from harness.figures.drawing.rows import of_memory

if TYPE_CHECKING:
    from harness.tables.tables import Tables

MOST_VALUES = 250_000
"""Most values of gradients in a page: 1.3 MB of text."""

SIZES = ((40, 128), (24, 100), (16, 64), (12, 48), (8, 32), (6, 24), (4, 16), (3, 12))
"""Most moments of the training and most lags that are kept of a run: the first pair with which all runs fit."""


@dataclass(frozen=True)
class Trajectory:
    """What became of a run.

    Attributes:
        steps: training steps done at each moment that is kept, S of them.
        lags: steps back from the answer, L of them, from 0.
        exponents: log10 of the transported gradient, (S, L): -inf of one that is exactly 0, NaN where none is known.
        accuracy: share of right answers at each moment, (S,).
    """

    steps: tuple[int, ...]
    lags: tuple[int, ...]
    exponents: NDArray[np.float32]
    accuracy: NDArray[np.float32]


@dataclass(frozen=True)
class Kept:
    """What there is room for.

    Attributes:
        runs: those that are kept.
        trajectories: of each of them, by its ``run_id``.
        most_steps, most_lags: how many moments, and how many lags, are kept of a run at most.
        complete: whether nothing is left out.
    """

    runs: pd.DataFrame
    trajectories: dict[str, Trajectory]
    most_steps: int
    most_lags: int
    complete: bool


def trajectories(tables: Tables, runs: pd.DataFrame) -> Kept:
    """The top layer's memory of each run, as in the figures of gradients.

    Args:
        runs: finished ones.
    """
    chosen = evenly(range(len(runs)), MOST_VALUES // (SIZES[-1][0] * SIZES[-1][1]))
    own = runs.iloc[chosen].reset_index(drop=True)
    curves = _curves(tables, own)
    lengths = own.seq_len.to_numpy(dtype=np.float64).clip(1, 1 << 40).astype(np.int64).tolist()
    shapes = [(len(steps), length) for (steps, _), length in zip(curves, lengths, strict=True)]
    for most_steps, most_lags in SIZES:
        if sum(min(count, most_steps) * min(length, most_lags) for count, length in shapes) <= MOST_VALUES:
            break
    moments = [evenly(range(count), most_steps) for count, _ in shapes]
    steps = [known[at] for (known, _), at in zip(curves, moments, strict=True)]
    lags = [np.array(evenly(range(length), most_lags)) for length in lengths]
    measured = _exponents(tables, own, steps, lags)
    found = {
        str(run_id): _trajectory(at, back, values, there, accuracy[kept])
        for run_id, at, back, (values, there), (_, accuracy), kept in zip(
            own.run_id, steps, lags, measured, curves, moments, strict=True
        )
        if there.any()
    }
    thinned = any(count > most_steps or length > most_lags for count, length in shapes)
    own = own[own.run_id.isin(list(found))].reset_index(drop=True)
    return Kept(own, found, most_steps, most_lags, complete=len(chosen) == len(runs) and not thinned)


def _trajectory(
    steps: NDArray[np.int64], lags: NDArray[np.int64], exponents: NDArray[np.float32], there: NDArray[np.bool_],
    accuracy: NDArray[np.float32],
) -> Trajectory:  # fmt: skip
    """What was measured of a run, of the moments and lags at which something was.

    Args:
        there: what was measured, (S, L).
    """
    at, back = there.any(axis=1), there.any(axis=0)
    return Trajectory(tuple(steps[at].tolist()), tuple(lags[back].tolist()), exponents[at][:, back], accuracy[at])


def _exponents(
    tables: Tables, runs: pd.DataFrame, steps: list[NDArray[np.int64]], lags: list[NDArray[np.int64]]
) -> list[tuple[NDArray[np.float32], NDArray[np.bool_]]]:
    """log10 of the gradient of each run at its steps and lags, (S, L), and where there is one."""
    shapes = [(len(at), len(back)) for at, back in zip(steps, lags, strict=True)]
    found = [(np.full(shape, np.nan, dtype=np.float32), np.zeros(shape, dtype=bool)) for shape in shapes]
    known = pc.field("run_id").isin(runs.run_id.tolist())
    wanted = known & pc.field("step").isin(_all(steps)) & pc.field("lag").isin(_all(lags))
    for run, step, lag, norm in of_memory(tables, runs, wanted):
        with np.errstate(all="ignore"):
            exponent = np.log10(norm.astype(np.float64))
        for rows in _stretches(run):
            place = run[rows[0]]
            row, column = _places(steps[place], step[rows]), _places(lags[place], lag[rows])
            own = (row >= 0) & (column >= 0)
            exponents, there = found[place]
            exponents[row[own], column[own]] = exponent[rows][own]
            there[row[own], column[own]] = True
    return found


def _all(values: list[NDArray[np.int64]]) -> list[int]:
    return sorted({each for own in values for each in own.tolist()})


def _places(known: NDArray[np.int64], values: NDArray[np.int64]) -> NDArray[np.int64]:
    """The place of each value in what is known, sorted; -1 of one that is not."""
    if not len(known):
        return np.full(len(values), -1)
    place = np.searchsorted(known, values).clip(max=len(known) - 1)
    return np.where(known[place] == values, place, -1)


def _curves(tables: Tables, runs: pd.DataFrame) -> list[tuple[NDArray[np.int64], NDArray[np.float32]]]:
    """The moments of each run at which it was evaluated, in order, and its accuracy there.

    At the same moments its gradients are measured: so the large table is read only once.
    """
    found = [(np.zeros(0, dtype=np.int64), np.zeros(0, dtype=np.float32))] * len(runs)
    if "curves" not in tables or not tables.rows("curves") or not len(runs):
        return found
    own = pc.field("run_id").isin(runs.run_id.tolist())
    rows = tables.read("curves", ["run_id", "step", "accuracy"], own)
    rows = rows.drop_duplicates(["run_id", "step"]).sort_values(["run_id", "step"])
    run = pd.Index(runs.run_id).get_indexer(rows.run_id)
    step, accuracy = rows.step.to_numpy(dtype=np.int64), rows.accuracy.to_numpy(dtype=np.float32)
    for own_rows in _stretches(run):
        found[run[own_rows[0]]] = (step[own_rows], accuracy[own_rows])
    return found


def _stretches(runs: NDArray[Any]) -> Iterator[NDArray[np.int64]]:
    """The rows of each stretch that belongs to one run: rows of a run stand together, and are worked on at once."""
    return (rows for rows in np.split(np.arange(len(runs)), np.flatnonzero(np.diff(runs)) + 1) if len(rows))
