"""The state that is carried from window to window of a long sequence (truncated backpropagation)."""

from __future__ import annotations

import torch

from harness.cells.base import Named
from harness.engine.forward import LayerStates
from harness.engine.network import Network
from harness.tasks.data import Data


def start_of(network: Network, data: Data) -> LayerStates | None:
    """The states that a batch starts from: after the windows before it, with the network as it is; None: zeros."""
    if data.window is None:
        return None
    # A sample whose window is still to come has not ended in any before it.
    state = found = network.zero_states(data.inputs.shape[2])
    for place, inputs in enumerate(data.earlier, start=1):
        state = network.final(network.forward(inputs, state))
        here = (data.window == place)[..., None]
        found = [
            Named({part: torch.where(here, values, own[part]) for part, values in layer.items()})
            for layer, own in zip(state, found, strict=True)
        ]
    return found
