"""How much gradient arrives at every time step."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from harness.engine.network import Network
from harness.engine.scan.interface import norm
from harness.tasks.data import Data


@dataclass(frozen=True)
class Profile:
    """Per-step gradient norms of one part of the state, or of the inputs.

    Attributes:
        layer: 1-based; 0 for the inputs.
        part: ``h``, ``c``, …; ``x`` for the inputs.
        norms: Euclidean norm of d l_b / d s_t for every member, step and sample, shape (K, T, B), float64.
    """

    layer: int
    part: str
    norms: Tensor


def gradient_profiles(network: Network, data: Data) -> tuple[list[Profile], Tensor]:
    """Measure every per-step gradient of every sample's own loss.

    Args:
        data: the probe batch, in the precision to probe in, like the network.

    Returns:
        The profiles, layer by layer, parts in the cell's order, the inputs last; and the norm of the mean loss's
        gradient with respect to all weights, (K,).
    """
    keep = network.step_gradients(data.inputs)
    grad_flat = torch.zeros_like(network.flat)
    # The sum over the batch leaves every sample the gradient of its own loss: samples do not interact.
    _, grad_x = network.gradients(data.inputs, data.scored, data.loss, grad_flat, keep, need_input_grad=True)
    assert grad_x is not None
    profiles = [Profile(layer, part, norms) for layer, steps in keep.items() for part, norms in steps.norms.items()]
    return [*profiles, Profile(0, "x", norm(grad_x))], norm(grad_flat / data.inputs.shape[2])
