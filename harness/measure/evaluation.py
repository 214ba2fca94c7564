"""Evaluation on held-out samples: loss, accuracy, and what the network answers or writes by itself."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from harness.engine.network import Network
from harness.measure.generation import SHOWN_SAMPLES, answered_alone, continued
from harness.settings.settings import Settings
from harness.tasks.data import Data
from harness.tasks.experiment import Sample

EVAL_SAMPLES = 512
"""Held-out samples behind every accuracy."""


EVAL_CHUNK = 128
"""Samples evaluated at once: bounds the memory of an evaluation."""


@dataclass(frozen=True)
class Evaluation:
    """What an evaluation finds.

    Attributes:
        loss: mean loss of each member, (K,); where answers are fed back, that of the right ones, as in training.
        accuracy: share of judged outputs that are right, (K,); where answers are fed back, the network's own.
        shown: for each member, its first samples in words.
        shown_accuracy: share of their judged outputs that are right, (K, n); NaN where none is right or wrong, as of
            what goes on by itself.
    """

    loss: Tensor
    accuracy: Tensor
    shown: list[list[Sample | None]]
    shown_accuracy: Tensor


def evaluate(network: Network, members: Sequence[Settings], data: Data) -> Evaluation:
    """Evaluate the members on held-out samples, and let them answer the first ones in words."""
    experiment = members[0].experiment
    losses, right, first = [], [], None
    for chunk in data.chunks(EVAL_CHUNK):
        found = network.outputs(chunk.inputs, chunk.scored)
        losses.append(chunk.loss(found))
        if experiment.feedback is not None:
            found = answered_alone(network, chunk, experiment.feedback)
        right.append(chunk.right(found))
        first = found[:, :SHOWN_SAMPLES] if first is None else first
    assert first is not None
    by_sample, judged = torch.cat(right, dim=1).double(), data.judged.sum(dim=2)
    accuracy = by_sample.sum(1) / judged.sum(1)
    # Without judged outputs 0 / 0 is what should be said: NaN.
    shown_accuracy = (by_sample / judged)[:, :SHOWN_SAMPLES]
    if experiment.continuation is None:
        outputs = first.double().cpu().numpy()
        shown = [
            [experiment.show(data.batches[k], index, own) for index, own in enumerate(outputs[k])]
            for k in range(len(members))
        ]
    else:
        shown = continued(network, members, data, experiment.continuation)
        shown_accuracy.fill_(torch.nan)
    return Evaluation(torch.cat(losses, dim=1).double().mean(1), accuracy, shown, shown_accuracy)
