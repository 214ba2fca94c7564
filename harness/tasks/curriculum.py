"""Curricula: how long the sequences of each training batch are.

Two questions make four curricula: does the longest length grow during the training, and is a batch as long as that or
anything up to it?

* ``none``: every batch has the run's own length.
* ``uniform``: each batch one length, all as likely. So Delétang et al., "Neural Networks and the Chomsky Hierarchy",
  ICLR 2023, train on lengths from 1 to 40; the "mix" of Zaremba and Sutskever, "Learning to Execute", 2014.
* ``growing``: from the shortest length to the run's own: Bengio et al., "Curriculum Learning", ICML 2009; the "naive"
  strategy of Zaremba and Sutskever.
* ``growing_uniform``: each batch one length, all as likely, of those that have been reached so far.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from harness.base.seeds import stream

CURRICULA = ("none", "uniform", "growing", "growing_uniform")


def batch_lengths(curriculum: str, possible: Sequence[int], steps: int, growth: float) -> NDArray[np.int64]:
    """The length of every training batch, (steps,).

    What is drawn depends on the number of the step alone, and not on a run's seed: runs of different seeds train in one
    tensor, so their batches have one length. A longer training starts with the same draws.

    Args:
        curriculum: one of `CURRICULA`.
        possible: the lengths that there are, in increasing order; the last is the run's own.
        steps: of the training.
        growth: share of the steps after which a growing curriculum has reached the last length; more than 0.
    """
    lengths = np.asarray(possible)
    if curriculum == "none":
        return np.full(steps, lengths[-1])
    reached = np.full(steps, len(lengths))
    if curriculum.startswith("growing"):
        share = np.minimum(np.arange(steps) / (growth * steps), 1)
        reached = np.searchsorted(lengths, lengths[0] + share * (lengths[-1] - lengths[0]), side="right")
    if curriculum == "growing":
        return lengths[reached - 1]
    drawn = stream(0, "curriculum").random(steps)
    return lengths[(drawn * reached).astype(np.int64)]
