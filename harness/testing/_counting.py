"""The best predictor without memory, found by counting: what the token of a step says of its answer."""

from __future__ import annotations

import numpy as np
import torch

from harness.base.seeds import stream
from harness.measure.measurement import standard_error
from harness.tasks.experiment import Experiment
from harness.tasks.outputs import Classes

SAMPLES = 40_000
"""So many samples tell a share of one half from one that is 1 % larger."""

AT_ONCE = 4_000


def counted_chance(experiment: Experiment, seq_len: int) -> tuple[float, float] | None:
    """How often the best table from a token to an answer is right, and the standard error of that share.

    The table is made from one half of the samples and tried on the other, and the other way round.

    Returns:
        None where inputs are no tokens, answers no classes, or the network's own answers come back as inputs.
    """
    if not isinstance(experiment.outputs, Classes) or experiment.feedback is not None:
        return None
    rng, length = stream(0, "contract", "chance"), experiment.windows * seq_len
    count = max(1, SAMPLES // experiment.windows)
    batches = [experiment.held_out(rng, min(AT_ONCE, count - start), length) for start in range(0, count, AT_ONCE)]
    if batches[0].inputs.ndim != 2:
        return None
    tokens = np.concatenate([each.inputs[:, each.scored - 1] for each in batches])
    answers = np.concatenate([each.targets for each in batches])
    judged = np.concatenate([each.judged for each in batches])
    half = np.arange(len(tokens)) % 2 == 0
    right = np.zeros(judged.shape, dtype=bool)
    for fit, use in ((half, ~half), (~half, half)):
        table = _commonest(experiment, tokens[fit][judged[fit]], answers[fit][judged[fit]])
        right[use] = table[tokens[use]] == answers[use]
    by_sample = torch.from_numpy(right & judged).sum(dim=1).double()[None], torch.from_numpy(judged).sum(dim=1)[None]
    accuracy = by_sample[0].sum(1) / by_sample[1].sum(1)
    return accuracy.item(), standard_error(*by_sample, accuracy).item()


def _commonest(experiment: Experiment, tokens: np.ndarray, answers: np.ndarray) -> np.ndarray:
    """For each token its commonest answer."""
    counts = np.zeros((experiment.input_size, experiment.outputs.size), dtype=np.int64)
    np.add.at(counts, (tokens, answers), 1)
    counts[~counts.any(axis=1)] = counts.sum(axis=0)  # a token that was not seen says nothing
    return np.asarray(counts.argmax(axis=1))
