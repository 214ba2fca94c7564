"""Curvature of the loss in the weights: products with the Hessian, and the ends of its spectrum by Lanczos's method."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from harness.base.seeds import stream
from harness.cells.base import Named, as_in_a_step
from harness.engine.forward import LayerStates
from harness.engine.network import Network
from harness.engine.scan.interface import is_tokens, one_hot
from harness.engine.weights import layers, views
from harness.measure.backwards import read_out
from harness.tasks.data import Data


def mean_loss(network: Network, flat: Tensor, data: Data, start: LayerStates | None) -> Tensor:
    """The mean loss of every member, (K,), as a function of all weights (K, P) that autograd differentiates twice.

    Every cell runs by its plain step; the engine's own derivative can be taken once only.
    """
    shape, weights = network.shape, views(network.shape, flat)
    x = one_hot(data.inputs, shape.input_size, flat.dtype) if is_tokens(data.inputs) else data.inputs
    states = network.zero_states(x.shape[2]) if start is None else start
    for cell, parameters, first in zip(network.cells, layers(shape, weights), states, strict=True):
        used, state, seen = as_in_a_step(cell.weights(parameters)), first, []
        for t in range(x.shape[1]):
            there = data.reach(t + 1)[..., None]
            made = cell.step(used, x[:, t], Named({part: old.where(there, 0) for part, old in state.items()}))
            state = Named({part: value.where(there, state[part]) for part, value in made.items()})
            seen.append(cell.output(used, x[:, t], state))
        x = torch.stack(seen, dim=1)
    hidden = x[:, [step - 1 for step in data.scored]].transpose(1, 2)
    return data.loss(read_out(weights, hidden)).mean(dim=1)


class Curvature:
    """The Hessian H of every member's mean loss in the weights that are trained, and its gradient g.

    Attributes:
        gradient: (K, P); 0 for weights that are not trained.
    """

    def __init__(self, network: Network, data: Data, start: LayerStates | None):
        shape = network.shape.parameters()
        trained = [
            torch.full((value[0].numel(),), float(shape[name].trained)) for name, value in network.weights.items()
        ]
        self.trained = torch.cat(trained).to(network.flat)
        self._flat = network.flat.detach().clone().requires_grad_()
        with torch.enable_grad():
            losses = mean_loss(network, self._flat, data, start)
            (gradient,) = torch.autograd.grad(losses.sum(), self._flat, create_graph=True)
            self._gradient = gradient * self.trained
        self.gradient = self._gradient.detach()

    def times(self, vectors: Tensor) -> Tensor:
        """H · v of every member, (K, P): members do not interact, so that one pass serves all."""
        with torch.enable_grad():
            (found,) = torch.autograd.grad(
                self._gradient, self._flat, vectors, retain_graph=True, materialize_grads=True
            )
        return found * self.trained

    def along_gradient(self) -> Tensor:
        """gᵀ H g / gᵀ g, (K,): NaN where the gradient is zero."""
        largest = self.gradient.abs().amax(dim=1, keepdim=True)
        unit = self.gradient / largest
        unit = unit / unit.norm(dim=1, keepdim=True)
        return (unit * self.times(unit)).sum(dim=1)


class Ends(NamedTuple):
    """Both ends of a spectrum, (K,) each.

    Attributes:
        largest, smallest: eigenvalues.
        error: what the largest one is off by at most.
    """

    largest: Tensor
    smallest: Tensor
    error: Tensor


def ends(curvature: Curvature, iterations: int) -> Ends:
    """The largest and the smallest eigenvalue of H by Lanczos's method, every new vector made orthogonal to all others.

    NaN where H is no number.
    """
    trained = curvature.trained
    members, size = curvature.gradient.shape
    count = min(iterations, int(trained.sum()))
    basis = curvature.gradient.new_zeros(members, 0, size)
    diagonal, beside = [], []
    vector = _drawn(0, trained).expand(members, -1)
    beta = curvature.gradient.new_zeros(members)
    for place in range(count):
        basis = torch.cat([basis, vector[:, None]], dim=1)
        found = curvature.times(vector)
        diagonal.append((found * vector).sum(dim=1))
        vector, beta = _orthogonal(found, basis)
        # Where all that the start could reach is known, what is left is looked at from another one.
        ended = beta <= ROUNDING * torch.stack(diagonal).abs().amax(dim=0)
        other, _ = _orthogonal(_drawn(place + 1, trained).expand(members, -1), basis)
        vector, beta = torch.where(ended[:, None], other, vector), beta.where(~ended, 0)
        beside.append(beta)
    small = torch.diag_embed(torch.stack(diagonal, dim=1))
    for offset in (1, -1) if count > 1 else ():
        small = small + torch.diag_embed(torch.stack(beside[:-1], dim=1), offset=offset)
    known = small.isfinite().flatten(1).all(dim=1)
    values, vectors = torch.linalg.eigh(small.where(known[:, None, None], 0))
    error = (beta * vectors[:, -1, -1]).abs()
    return Ends(*(each.where(known, torch.nan) for each in (values[:, -1], values[:, 0], error)))


ROUNDING = 1e-12
"""A remainder so much smaller than the Hessian is nothing but rounding."""


def _drawn(place: int, trained: Tensor) -> Tensor:
    """A random direction (P,) of the weights that are trained, the same for all members."""
    drawn = torch.from_numpy(stream(0, "curvature", place).standard_normal(len(trained))).to(trained) * trained
    return drawn / drawn.norm()


def _orthogonal(vectors: Tensor, basis: Tensor) -> tuple[Tensor, Tensor]:
    """Vectors (K, P) made orthogonal to a basis (K, n, P), with length 1, and the lengths that they had left, (K,)."""
    for _ in range(2):  # once more: the first time leaves rounding behind
        vectors = vectors - torch.einsum("knp,kn->kp", basis, torch.einsum("knp,kp->kn", basis, vectors))
    length = vectors.norm(dim=1)
    return vectors / length.where(length > 0, 1)[:, None], length
