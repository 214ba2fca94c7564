"""What the gradient of each sample's last answer does on its way back, counted from the sample's own answer."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from harness.measure.gradients import Profile

Norms = NDArray[np.float64]


@dataclass(frozen=True)
class Transport:
    """The transported gradient of one layer and part, by lag: how many steps before the answer.

    Attributes:
        layer, part: as in `Profile`.
        norms: of every member, lag from 0 and sample, (K, L, B); NaN where a sample has no such lag.
        known: which of them there are, (K, L, B): a sample that is asked at step a has the lags 0 … a - 1.
    """

    layer: int
    part: str
    norms: Norms
    known: NDArray[np.bool_]


def by_lag(profile: Profile, answer: NDArray[np.int64]) -> Transport:
    """A profile counted back from every sample's own answer.

    Args:
        answer: its step (1-based), (K, B); 0 for samples without one.
    """
    norms = profile.norms.cpu().numpy()
    step = answer[:, None] - np.arange(answer.max())[:, None]
    known = step > 0
    found = np.take_along_axis(norms, np.maximum(step - 1, 0), axis=1)
    return Transport(profile.layer, profile.part, np.where(known, found, np.nan), known)


def log_ratio(norms: Norms, known: NDArray[np.bool_]) -> Norms:
    """Mean over samples of ln(norm at a lag / the sample's own norm at lag 0), (K, L); NaN where no sample has the lag.

    The mean of logarithms, since in chaos a few samples would lead the mean of norms. -inf where a sample's gradient is
    exactly zero. A sample whose gradient is zero at lag 0 already has no error to send, and is left out; where there is
    no other, -inf from lag 0 on.

    Args:
        norms, known: see `Transport`.
    """
    with np.errstate(all="ignore"):
        logs = np.log(norms)
        own = logs[:, :1]
        sends = known & ~np.isneginf(own)
        total = np.where(sends, logs - own, 0).sum(axis=-1)
        mean = total / sends.sum(axis=-1)
    silent = known.any(axis=-1) & (np.isneginf(own) | ~known[:, :1]).all(axis=-1)
    return np.where(silent, -np.inf, mean)


def cue_ratio(profile: Profile, answer: NDArray[np.int64], cue: NDArray[np.int64]) -> NDArray[np.float64]:
    """The mean norm at the cue over the mean norm at the answer, (K,); NaN where the latter is not finite.

    Args:
        answer: see `by_lag`.
        cue: the steps (1-based) that hold the information, (K, B, C); 0 or less: before the batch begins, where no
            gradient comes.
    """
    norms, asked = profile.norms.cpu().numpy(), answer > 0
    at_cue = np.take_along_axis(norms.swapaxes(1, 2), np.maximum(cue - 1, 0), axis=2)
    at_cue = np.where(cue > 0, at_cue, 0).mean(axis=2)
    at_answer = np.take_along_axis(norms, np.maximum(answer - 1, 0)[:, None], axis=1)[:, 0]
    with np.errstate(all="ignore"):
        upper, lower = (np.where(asked, each, 0).sum(axis=1) for each in (at_cue, at_answer))
        return np.where(np.isfinite(lower), upper / lower, np.nan)
