"""All that is measured at ``probe.every`` training steps, but for what probes (plugins) add."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from harness.engine.network import Network
from harness.engine.scan.interface import is_tokens
from harness.measure.evaluation import evaluate, in_words
from harness.measure.gradients import Gradients, gradients
from harness.measure.moment import Moment
from harness.tasks.data import Data
from harness.tasks.experiment import Sample


@dataclass(frozen=True)
class Measurement:
    """What is measured of K members at one moment of their training, on the host.

    Attributes:
        step: training steps done.
        loss: mean loss on held-out samples, (K,); where answers are fed back, that of the right ones, as in training.
        accuracy: share of judged outputs that are right, (K,); where answers are fed back, the network's own.
        accuracy_se: standard error of the accuracy, (K,); answers within one sample are not independent.
        samples: for each member its first held-out samples in words.
        sample_accuracy: share of their judged outputs that are right, (K, n); NaN where none is right or wrong, as of
            a text that is gone on with.
        gradients: at every step of the probe batch.
        cue: the steps (1-based) of the probe batch that hold the information to be remembered, (K, B, C).
        answer: the step of each of its samples' last judged output, (K, B); 0 where none is judged.
        clipped: share of the training steps since the last measurement whose gradient was clipped, (K,).
        spectral_radius: the largest |eigenvalue| of each member's recurrent blocks.
        input_power: mean squared length of what enters at a step of the probe batch; 1 of tokens.
        rate_bound: no gradient grows faster per step back, as a logarithm; NaN where that is not known.
        lengths: the step at which each sample of the probe batch ends, (K, B); None: all have T steps.
    """

    step: int
    loss: Tensor
    accuracy: Tensor
    accuracy_se: Tensor
    samples: list[list[Sample | None]]
    sample_accuracy: Tensor
    gradients: Gradients
    cue: NDArray[np.int64]
    answer: NDArray[np.int64]
    clipped: Tensor
    spectral_radius: list[float]
    input_power: list[float]
    rate_bound: list[float]
    lengths: NDArray[np.int64] | None = None

    @classmethod
    def of_all(cls, blocks: Sequence[Measurement]) -> Measurement:
        """What was measured of one block of members after the other, at the same moment."""
        first, *others = blocks
        if not others:
            return first
        tensors = ("loss", "accuracy", "accuracy_se", "sample_accuracy", "clipped")
        lists = ("samples", "spectral_radius", "input_power", "rate_bound")
        joined: dict[str, Any] = {name: torch.cat([getattr(each, name) for each in blocks]) for name in tensors}
        joined |= {name: [own for each in blocks for own in getattr(each, name)] for name in lists}
        joined |= {name: np.concatenate([getattr(each, name) for each in blocks]) for name in ("cue", "answer")}
        if first.lengths is not None:
            joined["lengths"] = np.concatenate([each.lengths for each in blocks if each.lengths is not None])
        return replace(first, **joined, gradients=Gradients.of_all([each.gradients for each in blocks]))


def measure(network: Network, held_out: Data, moment: Moment, seeds: Sequence[int], clipped: Tensor) -> Measurement:
    """Evaluate networks on held-out samples, and probe their gradients.

    Args:
        network: in the precision of the training.
        moment: the same networks, and the probe batch, in the precision of the probes.
        seeds: of the members.
        clipped: see `Measurement`.
    """
    experiment = moment.experiment
    losses, right, outputs = evaluate(network, experiment, held_out)
    right, judged = right.double(), held_out.judged.sum(dim=2)
    accuracy = right.sum(1) / judged.sum(1)
    # Without judged outputs 0 / 0 is what should be said: NaN.
    sample_accuracy = (right / judged)[:, : outputs.shape[1]]
    if experiment.continuation is not None:
        sample_accuracy = sample_accuracy.fill_(torch.nan)
    return Measurement(
        step=moment.step,
        loss=losses.double().mean(1).cpu(),
        accuracy=accuracy.cpu(),
        accuracy_se=standard_error(right, judged, accuracy).cpu(),
        samples=in_words(network, experiment, seeds, held_out, outputs),
        sample_accuracy=sample_accuracy.cpu(),
        gradients=gradients(moment.network, moment.data),
        cue=moment.data.cue,
        answer=moment.data.answer,
        lengths=None if moment.data.lengths is None else moment.data.lengths.cpu().numpy(),
        clipped=clipped.cpu(),
        spectral_radius=network.spectral_radius(),
        input_power=input_power(moment.data.inputs, moment.data.lengths),
        rate_bound=network.rate_bound().tolist(),
    )


def input_power(inputs: Tensor, lengths: Tensor | None = None) -> list[float]:
    """The mean squared length of a step's input, for each member: of vectors (K, T, B, F), or of tokens (K, T, B).

    Args:
        lengths: the step at which each sample ends, (K, B): the inputs after it are zeros; None: all have T steps.
    """
    if is_tokens(inputs):
        return [1.0] * len(inputs)
    squares = inputs.double().square().sum(-1)
    found = squares.mean((1, 2)) if lengths is None else squares.sum((1, 2)) / lengths.sum(1)
    return found.tolist()


def standard_error(right: Tensor, judged: Tensor, accuracy: Tensor) -> Tensor:
    """The standard error of a share of right answers, with samples as what is drawn at random.

    The linearised error of a ratio of means (Cochran, Sampling Techniques, 3rd edition, 1977, section 6.4).

    Args:
        right: right answers of every sample, (K, N).
        judged: all judged ones, (K, N).
        accuracy: the share of right ones over all samples, (K,).

    Returns:
        (K,); NaN of a single sample.
    """
    samples = right.shape[1]
    residual = right - accuracy[:, None] * judged
    squares = residual.square().sum(1) * (samples / (samples - 1) if samples > 1 else torch.nan)
    return squares.sqrt() / judged.sum(1)
