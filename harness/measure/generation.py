"""What a network says by itself: its answers fed back as its next inputs, or a text that it goes on with."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from harness.base.seeds import stream
from harness.engine.forward import LayerStates, lengths_between
from harness.engine.network import Network
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
    first, last = data.scored[0], data.scored[-1]
    if data.lengths is None and data.scored != list(range(first, last + 1)):
        raise ValueError(f"scored: {data.scored}; valid with feedback: consecutive steps")
    state: LayerStates | None = None
    for begin, end in network.spans(first):  # what is read out after a sample's end counts nowhere
        traces = network.forward(data.inputs[:, begin:end], state)
        state = network.final(traces)
    said = [network.readout(traces[-1].outputs[:, -1][:, :, None])]
    for step in range(first + 1, last + 1):
        state = network.final(traces)
        inputs = fed_back(data, step, said[-1][:, :, 0], feedback)
        traces = network.forward(inputs[:, None], state)
        said.append(network.readout(traces[-1].outputs[:, -1][:, :, None]))
    return torch.cat([said[step - first] for step in data.scored], dim=2)


def fed_back(data: Data, step: int, outputs: Tensor, feedback: int) -> Tensor:
    """The inputs of a step (1-based), what ``outputs`` says in place of the right answer: tokens (K, B), or vectors.

    Where samples differ in length, one may still be read when another one answers: it gets what is in the batch.
    """
    answers, given = feedback + outputs.argmax(-1), data.inputs[:, step - 1]
    if is_tokens(given):
        own = answers
    else:
        own = given.clone()
        own[..., feedback : feedback + outputs.shape[-1]] = 0
        own.scatter_(-1, answers[..., None], 1.0)
    if data.lengths is None:
        return own
    if step not in data.scored or step - 1 not in data.scored:
        return given
    place = data.scored.index(step)
    answering = data.mask[:, :, place - 1] & data.mask[:, :, place]
    return own.where(answering.view(*answering.shape, *(1 for _ in given.shape[2:])), given)


def continued(network: Network, experiment: Experiment, seeds: Sequence[int], data: Data) -> Tensor:
    """The tokens (K, n, length) that each member writes after the beginnings of the first held-out samples.

    Args:
        experiment: one with a `continuation`.
        seeds: of the members; they draw their tokens from streams of their own.
    """
    how = experiment.continuation
    assert how is not None
    lengths = None if data.lengths is None else data.lengths[:, :SHOWN_SAMPLES]
    prompt = data.inputs[:, : how.prompt, :SHOWN_SAMPLES]
    traces = network.forward(prompt, lengths=lengths_between(lengths, 0, prompt.shape[1]))
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
