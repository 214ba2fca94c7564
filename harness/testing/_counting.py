"""The best predictor without memory, found by counting: what the token of a step says of its answer."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from harness.base.seeds import stream
from harness.measure.measurement import standard_error
from harness.tasks.experiment import Experiment
from harness.tasks.outputs import Classes

SAMPLES = 40_000
"""So many samples tell a share of one half from one that is 1 % larger."""

AT_ONCE = 4_000

UNSEEN = 1e-3
"""What an answer that did not come with a token counts as, in samples: it may come in the other half."""


@dataclass(frozen=True)
class Counted:
    """What the best predictor without memory gets to.

    Attributes:
        accuracy: share of right answers of the table of commonest answers.
        loss: mean cross entropy (nats) of the table of their shares.
        accuracy_error, loss_error: standard errors of both.
    """

    accuracy: float
    accuracy_error: float
    loss: float
    loss_error: float


def counted_chance(experiment: Experiment, seq_len: int) -> Counted | None:
    """How well the best table from a token to an answer does.

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
    mask, judged = (np.concatenate([getattr(each, name) for each in batches]) for name in ("mask", "judged"))
    # A sample's loss is the mean over its outputs: one of few weighs more.
    weight = mask / mask.sum(axis=1, keepdims=True).clip(min=1)
    half = np.arange(len(tokens)) % 2 == 0
    right, loss = np.zeros(judged.shape, dtype=bool), np.zeros(judged.shape)
    for fit, use in ((half, ~half), (~half, half)):
        table = _table(experiment, tokens[fit], answers[fit], judged[fit]).argmax(axis=1)
        right[use] = table[tokens[use]] == answers[use]
        shares = _table(experiment, tokens[fit], answers[fit], weight[fit])
        loss[use] = -np.log(shares / shares.sum(axis=1, keepdims=True))[tokens[use], answers[use]]
    by_sample = torch.from_numpy(right & judged).sum(dim=1).double()[None], torch.from_numpy(judged).sum(dim=1)[None]
    accuracy = by_sample[0].sum(1) / by_sample[1].sum(1)
    losses = (loss * weight).sum(axis=1)
    return Counted(
        accuracy.item(), standard_error(*by_sample, accuracy).item(),
        float(losses.mean()), float(losses.std() / np.sqrt(len(losses))),
    )  # fmt: skip


def _table(
    experiment: Experiment, tokens: NDArray[np.integer], answers: NDArray[np.integer], weight: NDArray[np.generic]
) -> NDArray[np.float64]:
    """How often each answer (column) came with each token (row); nowhere 0."""
    rows, columns = experiment.input_size, experiment.outputs.size
    pairs = (tokens * columns + answers).ravel()
    counts = np.bincount(pairs, weight.ravel(), rows * columns).reshape(rows, columns)
    counts[~counts.any(axis=1)] = counts.sum(axis=0)  # a token that was not seen says nothing
    return np.asarray(counts + UNSEEN, dtype=np.float64)
