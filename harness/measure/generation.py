"""Evaluation on held-out samples: loss, accuracy, and what the network answers or writes by itself."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from harness.base.seeds import stream
from harness.engine.network import Network
from harness.settings.settings import Settings
from harness.tasks.data import Data
from harness.tasks.experiment import Continuation, Sample

SHOWN_SAMPLES = 4
"""Held-out samples that each run answers in words, for the report."""


def answered_alone(network: Network, data: Data, feedback: int) -> Tensor:
    """Outputs (K, B, S, size) at the scored steps, each fed back as the next input, the likeliest class as answer.

    Raises:
        ValueError: the scored steps are not consecutive.
    """
    first, count = data.scored[0], len(data.scored)
    if data.scored != list(range(first, first + count)):
        raise ValueError(f"scored: {data.scored}; valid with feedback: consecutive steps")
    traces = network.forward(data.inputs[:, :first])
    found = [network.readout(traces[-1].states["h"][:, -1][:, :, None])]
    for step in range(first + 1, first + count):
        state = network.final(traces)
        inputs = fed_back(data, step, found[-1][:, :, 0], feedback)
        traces = network.forward(inputs[:, None], state)
        found.append(network.readout(traces[-1].states["h"][:, -1][:, :, None]))
    return torch.cat(found, dim=2)


def fed_back(data: Data, step: int, outputs: Tensor, feedback: int) -> Tensor:
    """The inputs (K, B, input_size) of a step (1-based), with what ``outputs`` says in place of the right answer."""
    inputs = data.inputs[:, step - 1].clone()
    if data.batches[0].inputs.ndim == 2:
        inputs.zero_()
    inputs[..., feedback : feedback + outputs.shape[-1]] = 0
    return inputs.scatter_(-1, feedback + outputs.argmax(-1, keepdim=True), 1.0)


def continued(
    network: Network, members: Sequence[Settings], data: Data, how: Continuation
) -> list[list[Sample | None]]:
    """What each member writes after the beginnings of the first held-out samples, in words."""
    prompt = min(how.prompt, data.inputs.shape[1])
    traces = network.forward(data.inputs[:, :prompt, :SHOWN_SAMPLES])
    tokens: list[Tensor] = []
    shape = (how.length, traces[-1].states["h"].shape[2], network.shape.output_size)
    # Drawing from softmax(logits) is taking the largest of logits + Gumbel noise (Gumbel 1954).
    noise = np.stack([stream(each.seed, "continue", each.experiment.name).gumbel(size=shape) for each in members])
    drawn = how.temperature * torch.from_numpy(noise).to(data.inputs)
    for step in range(how.length):
        logits = network.readout(traces[-1].states["h"][:, -1][:, :, None])[:, :, 0]
        tokens.append((logits + drawn[:, step]).argmax(-1))
        one_hot = torch.zeros_like(data.inputs[:, 0, : shape[1]]).scatter_(-1, tokens[-1][..., None], 1.0)
        traces = network.forward(one_hot[:, None], network.final(traces))
    written = torch.stack(tokens, dim=-1).cpu().numpy()
    return [
        [
            each.experiment.show_continued(data.batches[k].inputs[index, :prompt].astype(np.int64), written[k, index])
            for index in range(shape[1])
        ]
        for k, each in enumerate(members)
    ]


def carried(network: Network, data: Data, start: list[dict[str, Tensor]] | None) -> list[dict[str, Tensor]]:
    """The states after a batch, from which the window that continues it starts."""
    return network.final(network.forward(data.inputs, start))
