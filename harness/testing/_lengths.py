"""Lengths that a task does not refuse: it can be posed at each of them."""

from __future__ import annotations

from harness.base.seeds import stream
from harness.tasks.experiment import Experiment
from harness.tasks.faults import faults
from harness.testing._problems import Problems

LONGEST = 24
"""Every length up to it is tried: what depends on whether a length is even, or a multiple, shows by then."""

FEW = 4
"""Samples of each."""


def check_every_length(problems: Problems, experiment: Experiment) -> None:
    """Draw a batch of every short length that is not refused: the batches of a curriculum have any of them.

    Of several lengths with problems the shortest is named.
    """
    if experiment.windows > 1:
        return  # one length, all through the training
    for length in range(1, LONGEST + 1):
        if problems.found:
            return
        if not experiment.refuses(length):
            with problems.during(f"at seq_len={length}, which it does not refuse, drawing a batch"):
                batch = experiment.sample(stream(0, "contract"), FEW, length)
                for fault in faults(experiment, batch, (FEW, length)):
                    problems.add(f"at seq_len={length}, which it does not refuse, sample: {fault}")
