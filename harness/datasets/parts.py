"""Which rows are trained on, and which are kept for evaluation."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from harness.base.errors import UserError
from harness.base.seeds import stream
from harness.datasets.own_file import Unreadable
from harness.datasets.rows import TRAIN, Rows


def parts(rows: Rows, evaluated: str | None, share: float, seed: int) -> tuple[Rows, Rows]:
    """The rows to train on, and those that training never sees.

    Rows without a split are dealt out by a random stream of their own, the same in every run. Of a single row, one
    long series, the end is kept.

    Args:
        evaluated: the part of the split to evaluate on; None: all but ``train``.
        share: of rows without a split, how many are kept for evaluation.
        seed: of dealing out.

    Raises:
        Unreadable: the split has no rows to train on, or none to evaluate on.
        UserError: a part is asked for that the file has not.
    """
    if rows.split is not None:
        return _given(rows, rows.split, evaluated)
    if evaluated is not None:
        raise UserError(f"experiment.part={evaluated}: the file has no split; valid: null")
    if len(rows) == 1 and (rows.targets is None or rows.by_step):
        return _cut(rows, share)
    kept = round(share * len(rows))
    if not 0 < kept < len(rows):
        raise Unreadable(f"{len(rows)} samples, of which {share:g} are to be kept; valid: at least one in each part")
    order = stream(seed, "split").permutation(len(rows))
    return rows.only(np.sort(order[kept:])), rows.only(np.sort(order[:kept]))


def _given(rows: Rows, split: NDArray[np.str_], evaluated: str | None) -> tuple[Rows, Rows]:
    training = split == TRAIN[0]
    there = sorted(set(split.tolist()))
    others = [name for name in there if name != TRAIN[0]]
    if evaluated is not None and evaluated not in others:
        raise UserError(f"experiment.part={evaluated}: not in the file's split; valid: {', '.join(others) or 'null'}")
    if not training.any() or not others:
        raise Unreadable(f"split: only {', '.join(there)}; valid: train (or 0) and at least one other part")
    return rows.only(training), rows.only(~training if evaluated is None else split == evaluated)


def _cut(rows: Rows, share: float) -> tuple[Rows, Rows]:
    """One series in two, along time."""
    end = int(rows.lengths[0])
    if rows.mask is not None:
        raise Unreadable("mask: not for one long series; valid: several rows, or no mask")
    kept = round(share * end)
    if not 1 < kept < end - 1:
        raise Unreadable(f"a series of {end} steps, of which {share:g} are to be kept; valid: two steps in each part")
    return _between(rows, 0, end - kept), _between(rows, end - kept, end)


def _between(rows: Rows, first: int, last: int) -> Rows:
    """Some steps of a series."""
    cut = np.s_[:, first:last]
    targets = None if rows.targets is None else rows.targets[cut]
    return replace(rows, inputs=rows.inputs[cut], targets=targets, lengths=np.array([last - first]))
