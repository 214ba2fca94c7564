"""What a network says by itself: its answers fed back as its next inputs, or a text that it goes on with."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from harness.base.seeds import stream
from harness.engine.network import LayerStates, Network
from harness.engine.scan.interface import is_tokens
from harness.tasks.data import Data
from harness.tasks.experiment import Experiment

SHOWN_SAMPLES = 4
"""Held-out samples that each run answers in words, for the report."""


def answered_alone(network: Network, data: Data, feedback: int) -> Tensor:
    """Outputs (K, B, S, size) at the scored steps; the likeliest class of each is fed back as the next input.

    Raises:
        ValueError: the scored steps are not consecutive.
    """
    first, count = data.scored[0], len(data.scored)
    if data.scored != list(range(first, first + count)):
        raise ValueError(f"scored: {data.scored}; valid with feedback: consecutive steps")
    state: LayerStates | None = None
    for begin, end in network.spans(first):
        traces = network.forward(data.inputs[:, begin:end], state)
        state = network.final(traces)
    found = [network.readout(traces[-1].outputs[:, -1][:, :, None])]
    for step in range(first + 1, first + count):
        state = network.final(traces)
        inputs = fed_back(data, step, found[-1][:, :, 0], feedback)
        traces = network.forward(inputs[:, None], state)
        found.append(network.readout(traces[-1].outputs[:, -1][:, :, None]))
    return torch.cat(found, dim=2)


def fed_back(data: Data, step: int, outputs: Tensor, feedback: int) -> Tensor:
    """The inputs of a step (1-based), what ``outputs`` says in place of the right answer: tokens (K, B), or vectors."""
    answers = feedback + outputs.argmax(-1)
    if is_tokens(data.inputs):
        return answers
    inputs = data.inputs[:, step - 1].clone()
    inputs[..., feedback : feedback + outputs.shape[-1]] = 0
    return inputs.scatter_(-1, answers[..., None], 1.0)


def continued(network: Network, experiment: Experiment, seeds: Sequence[int], data: Data) -> Tensor:
    """The tokens (K, n, length) that each member writes after the beginnings of the first held-out samples.

    Args:
        experiment: one with a `continuation`.
        seeds: of the members; they draw their tokens from streams of their own.
    """
    how = experiment.continuation
    assert how is not None
    traces = network.forward(data.inputs[:, : how.prompt, :SHOWN_SAMPLES])
    tokens: list[Tensor] = []
    shape = (how.length, traces[-1].outputs.shape[2], network.shape.output_size)
    # Drawing from softmax(logits) is taking the largest of logits + Gumbel noise (Gumbel 1954).
    noise = np.stack([stream(seed, "continue", experiment.name).gumbel(size=shape) for seed in seeds])
    drawn = how.temperature * torch.from_numpy(noise).to(network.flat)
    for step in range(how.length):
        logits = network.readout(traces[-1].outputs[:, -1][:, :, None])[:, :, 0]
        tokens.append((logits + drawn[:, step]).argmax(-1))
        traces = network.forward(tokens[-1][:, None], network.final(traces))
    return torch.stack(tokens, dim=-1)
