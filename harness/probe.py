"""The gradient probe: how much gradient arrives at every time step."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from harness.cells import State
from harness.experiment import Experiment
from harness.network import Network


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


@dataclass(frozen=True)
class Probe:
    """What one probe measures on the probe batch.

    Attributes:
        profiles: layers top to bottom, parts in the cell's order, the inputs last.
        loss: loss of every sample, (K, B).
        grad_norm_weights: norm of the mean loss's gradient with respect to all weights, (K,).
    """

    profiles: list[Profile]
    loss: Tensor
    grad_norm_weights: Tensor


def norm(vectors: Tensor) -> Tensor:
    """Euclidean norm over the last dimension, in float64, without overflow or underflow by squaring.

    An infinite entry gives inf, a NaN entry gives NaN.
    """
    vectors = vectors.double()
    largest = vectors.abs().amax(dim=-1, keepdim=True)
    scale = largest.where((largest > 0) & largest.isfinite(), 1)
    return torch.linalg.vector_norm(vectors / scale, dim=-1) * scale.squeeze(-1)


def probe(network: Network, experiment: Experiment, inputs: Tensor, targets: Tensor, scored: Sequence[int]) -> Probe:
    """Measure every per-step gradient of every sample's own loss.

    Args:
        inputs: (K, T, B, input_size), in the precision to probe in, like the network.
        targets: (K, B, S).
        scored: the S time steps (1-based) that are read out.
    """
    members, steps, batch, _ = inputs.shape
    cell, layers = network.shape.cell, range(network.shape.num_layers, 0, -1)
    norms = {
        (layer, part): inputs.new_empty(members, steps, batch, dtype=torch.float64)
        for layer in layers
        for part in cell.parts
    }

    def record(layer: int, t: int, totals: State) -> None:
        for part, grad in totals.items():
            norms[layer, part][:, t - 1] = norm(grad)

    grad_flat = torch.zeros_like(network.flat)
    # The sum over the batch leaves every sample the gradient of its own loss: samples do not interact.
    loss, grad_x = network.gradients(
        inputs,
        scored,
        lambda outputs: experiment.loss(outputs, targets),
        grad_flat,
        record,
        need_input_grad=True,
    )
    assert grad_x is not None
    profiles = [Profile(layer, part, values) for (layer, part), values in norms.items()]
    return Probe([*profiles, Profile(0, "x", norm(grad_x))], loss, norm(grad_flat / batch))
