"""Evaluation on held-out samples: losses, which answers are right, and what the network answers in words."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from harness.engine.network import Network
from harness.measure.generation import SHOWN_SAMPLES, answered_alone, continued
from harness.tasks.data import Data
from harness.tasks.experiment import Experiment, Sample

EVAL_SAMPLES = 512
"""Held-out samples behind every accuracy."""

EVAL_CHUNK = 128
"""Samples evaluated at once: bounds the memory of an evaluation."""


def evaluate(network: Network, experiment: Experiment, data: Data) -> tuple[Tensor, Tensor, Tensor]:
    """Losses and right answers on held-out samples.

    Returns:
        The loss of every sample (K, N); where answers are fed back, that of the right ones, as in training. How many
        of a sample's judged outputs are right (K, N); where answers are fed back, the network's own. And the outputs
        that the first samples got (K, n, S, output_size).
    """
    losses, right, first = [], [], None
    for chunk in data.chunks(EVAL_CHUNK):
        outputs = network.outputs(chunk.inputs, chunk.scored, lengths=chunk.lengths)
        losses.append(chunk.loss(outputs))
        if experiment.feedback is not None:
            outputs = answered_alone(network, chunk, experiment.feedback)
        right.append(chunk.right(outputs))
        first = outputs[:, :SHOWN_SAMPLES] if first is None else first
    assert first is not None
    return torch.cat(losses, dim=1), torch.cat(right, dim=1), first


def in_words(
    network: Network, experiment: Experiment, seeds: Sequence[int], data: Data, outputs: Tensor
) -> list[list[Sample | None]]:
    """For each member its first held-out samples in words, with its answers or what it goes on with.

    Args:
        outputs: what the first samples got, see `evaluate`.
    """
    if experiment.continuation is None:
        answers = outputs.double().cpu().numpy()
        places = [np.isin(data.scored, batch.scored) for batch in data.batches]
        return [
            [experiment.in_words(batch, index, own[places[k]]) for index, own in enumerate(answers[k])]
            for k, batch in enumerate(data.batches)
        ]
    written = continued(network, experiment, seeds, data).cpu().numpy()
    prompt = experiment.continuation.prompt
    return [
        [experiment.show_continued(batch.alone(index).inputs[0, :prompt].astype(np.int64), own)
         for index, own in enumerate(written[k])]
        for k, batch in enumerate(data.batches)
    ]  # fmt: skip
