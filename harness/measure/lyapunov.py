"""Lyapunov exponents: how fast neighbouring states part, per step, along a long sequence.

By QR decompositions along the orbit (Benettin, Galgani, Giorgilli, Strelcyn, "Lyapunov characteristic exponents for
smooth dynamical systems and for Hamiltonian systems; a method for computing all of them", Meccanica 15, 1980; for
recurrent networks Engelken, Wolf, Abbott, "Lyapunov spectra of chaotic recurrent neural networks", arXiv 2006.02427).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from harness.engine.forward import LayerStates
from harness.engine.network import Network
from harness.engine.scan.interface import is_tokens, one_hot
from harness.measure.layer_step import ROOM, LayerStep


def growth(network: Network, pieces: Iterable[Tensor], start: LayerStates) -> Iterator[list[Tensor]]:
    """Run over a long sequence, and follow an orthonormal frame of directions of every layer's state.

    Args:
        pieces: the inputs of one step after the other, some at once: (K, T, B, F), or tokens (K, T, B).
        start: the states to start from.

    Yields:
        For every step, for each layer the logarithms (K, B, S) by which the frame's axes grew, one after another:
        each by what it gains beside those before it. -inf where a step loses a direction altogether.
    """
    steps = [LayerStep(network, layer) for layer in range(1, network.shape.num_layers + 1)]
    frames: list[Tensor] | None = None
    for inputs in pieces:
        traces = network.forward(inputs, start)
        entering = [_as_vectors(network, inputs), *(trace.outputs.clone() for trace in traces[:-1])]
        before = [step.joined(trace.states)[:, :-1] for step, trace in zip(steps, traces, strict=True)]
        start = network.final(traces)
        if frames is None:
            frames = [_identity(states[:, 0]) for states in before]
        jacobians = [_one_by_one(*each) for each in zip(steps, entering, before, strict=True)]
        for at_a_step in zip(*jacobians, strict=True):
            grown = []
            for place, jacobian in enumerate(at_a_step):
                frames[place], r = torch.linalg.qr(jacobian @ frames[place])
                grown.append(r.diagonal(dim1=-2, dim2=-1).abs().log())
            yield grown


def _one_by_one(step: LayerStep, entering: Tensor, before: Tensor) -> Iterator[Tensor]:
    """The Jacobians (K, B, S, S) of one step after another, computed for as many at once as there is room for."""
    members, _, samples, size = before.shape
    at_once = max(1, ROOM // (members * samples * size**2))
    for x, states in zip(entering.split(at_once, dim=1), before.split(at_once, dim=1), strict=True):
        found = step.jacobian(x.flatten(1, 2), states.flatten(1, 2)).double()
        yield from found.view(members, -1, samples, size, size).unbind(1)


def _as_vectors(network: Network, inputs: Tensor) -> Tensor:
    return one_hot(inputs, network.shape.input_size, network.flat.dtype) if is_tokens(inputs) else inputs


def _identity(states: Tensor) -> Tensor:
    size = states.shape[-1]
    return torch.eye(size, dtype=torch.float64, device=states.device).expand(*states.shape[:2], -1, -1)


def spectrum(grown: Tensor, blocks: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Exponents and their standard errors, (K, S) each, largest first.

    Args:
        grown: what the frame's axes grew by, (T, K, B, S).
        blocks: into how many stretches of time to cut it: the error is that of a mean over stretches and samples.

    Returns:
        An exponent of -inf has no error: NaN.
    """
    means = torch.stack([piece.mean(dim=0) for piece in grown.tensor_split(min(blocks, len(grown)))])
    parts = means.transpose(0, 1).flatten(1, 2)
    exponent, count = parts.mean(dim=1), parts.shape[1]
    error = parts.std(dim=1, correction=1) / count**0.5 if count > 1 else torch.full_like(exponent, torch.nan)
    order = exponent.argsort(dim=-1, descending=True, stable=True)
    return exponent.gather(1, order).cpu().numpy(), error.gather(1, order).cpu().numpy()


def kaplan_yorke(exponents: NDArray[np.float64]) -> float:
    """The dimension of Kaplan and Yorke: how many directions a cloud of states fills in the long run.

    The number of the largest exponents whose sum is not negative, and the share of the next one that brings it to zero:
    0 where all states become one, the size of the state where no volume shrinks.

    Args:
        exponents: largest first, (S,).
    """
    if np.isnan(exponents).any():
        return float("nan")
    with np.errstate(invalid="ignore"):
        sums = np.cumsum(exponents)
    filled = int((sums >= 0).argmin()) if not (sums >= 0).all() else len(sums)
    if filled in (0, len(sums)):
        return float(filled)
    return filled + float(sums[filled - 1] / -exponents[filled])
