"""What is wrong with a batch that an experiment drew: reported by a run, and by the contract check."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from harness.tasks.batch import Batch
from harness.tasks.experiment import Experiment
from harness.tasks.outputs import Classes, Labels, Outputs


def faults(experiment: Experiment, batch: Batch, shape: tuple[int, int]) -> Iterator[str]:
    """What of a batch does not fit the experiment, each in one line; nothing where all does.

    Args:
        shape: (B, T) that was asked for.
    """
    inputs = batch.inputs
    if inputs.shape[:2] != shape:
        yield f"inputs of shape {inputs.shape}; asked for ({shape[0]}, {shape[1]}, …)"
    elif inputs.ndim == 2:
        yield from _token_faults(inputs, experiment.input_size)
    elif inputs.shape[2] != experiment.input_size:
        yield f"vectors of length {inputs.shape[2]}, but input_size is {experiment.input_size}"
    elif inputs.dtype.kind != "f" or not np.isfinite(inputs).all():
        yield f"vectors of {inputs.dtype}, not all finite real numbers"
    yield from _target_faults(experiment.outputs, batch.targets)
    if not batch.mask.any(axis=1).all():
        yield "a sample has no scored output (mask)"
    if not batch.judged.any():
        yield "no output counts in the accuracy (judged)"


def _token_faults(tokens: NDArray[np.generic], size: int) -> Iterator[str]:
    if tokens.dtype.kind not in "iu":
        yield f"tokens of {tokens.dtype}; valid: whole numbers, or vectors (B, T, F)"
    elif tokens.min() < 0 or tokens.max() >= size:
        yield f"tokens from {tokens.min()} to {tokens.max()}; valid: 0 to {size - 1}"


def _target_faults(meaning: Outputs, targets: NDArray[np.generic]) -> Iterator[str]:
    if targets.shape[2:] != meaning.extra:
        wanted = ", ".join(["B", "S", *map(str, meaning.extra)])
        yield f"targets of shape {targets.shape}; valid for {meaning}: ({wanted})"
    elif meaning.dtype == "f":
        if targets.dtype.kind != "f" or not np.isfinite(targets).all():
            yield f"targets of {targets.dtype}; valid for {meaning}: finite real numbers"
    else:
        top = meaning.n - 1 if isinstance(meaning, Classes) else 1 if isinstance(meaning, Labels) else None
        low, high = targets.min(), targets.max()
        if targets.dtype.kind not in "iub" or low < 0 or (top is not None and high > top):
            wanted = "whole numbers from 0" + ("" if top is None else f" to {top}")
            yield f"targets of {targets.dtype} from {low} to {high}; valid for {meaning}: {wanted}"
