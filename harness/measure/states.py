"""States of samples besides the probe batch."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from harness.engine.network import Network
from harness.measure.windows import start_of
from harness.tasks.data import Data

AT_ONCE = 100
"""Samples that are run at once: bounds the memory."""


def states_at(network: Network, data: Data, steps: Sequence[int]) -> list[dict[str, NDArray[np.float64]]]:
    """For each layer and each part of the state the states at some steps (from 1): (K, S, N, width)."""
    chunks = []
    for chunk in data.chunks(AT_ONCE):
        traces = network.forward(chunk.inputs, start_of(network, chunk), lengths=chunk.lengths)
        chunks.append(
            [
                {part: values[:, list(steps)].double().cpu().numpy() for part, values in trace.states.items()}
                for trace in traces
            ]
        )
    return [
        {part: np.concatenate([chunk[layer][part] for chunk in chunks], axis=2) for part in chunks[0][layer]}
        for layer in range(len(network.buffers))
    ]
