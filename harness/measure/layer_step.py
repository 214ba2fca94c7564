"""One step of a layer as a map from state to state, and the derivatives of that map."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from harness.cells.base import Named, State, as_in_a_step
from harness.engine.network import Network

ROOM = 1 << 19
"""Numbers of all the Jacobians that are computed at once: what a step makes on the way is a multiple of it."""


class LayerStep:
    """A layer's step, with the parts of its state joined to one vector of S numbers, in the cell's order.

    A layer's state is read by no layer below it, and feeds back into none: what it does to its own later states passes
    through the layer alone, so that the products of its steps' Jacobians are the whole d s_T / d s_t of this layer.

    Attributes:
        widths: how many numbers each part holds.
        size: S.
    """

    def __init__(self, network: Network, layer: int):
        self._cell = network.cells[layer - 1]
        self._weights = as_in_a_step(network.layer(layer))
        self.widths = self._cell.widths(network.shape.hidden_size)
        self.size = sum(self.widths.values())

    def joined(self, state: State) -> Tensor:
        """The parts, (…, width) each, as one vector (…, S)."""
        return torch.cat([state[part] for part in self.widths], dim=-1)

    def parts(self, joined: Tensor) -> State:
        """A joined vector (…, S) as parts."""
        return Named(zip(self.widths, joined.split(list(self.widths.values()), dim=-1), strict=True))

    def __call__(self, x: Tensor, before: Tensor) -> Tensor:
        """s_t, (K, N, S).

        Args:
            x: what enters the layer, (K, N, F): N pairs of an input and a state of every member.
            before: s_{t-1}, (K, N, S).
        """
        return self.joined(Named(self._cell.step(self._weights, x, self.parts(before))))

    def jacobian(self, x: Tensor, before: Tensor) -> Tensor:
        """d s_t / d s_{t-1}, (K, N, S, S): what changes by what was changed. Arguments as those of a call.

        Zeros of a cell without recurrence; NaN or inf where weights or states are not finite.
        """
        rows = max(1, ROOM // (len(before) * self.size**2))
        pieces = zip(x.split(rows, dim=1), before.split(rows, dim=1), strict=True)
        return torch.cat([self._jacobian(*piece) for piece in pieces], dim=1)

    def _jacobian(self, x: Tensor, before: Tensor) -> Tensor:
        members, count, size = before.shape
        # Every pair is there S times, and each copy is asked for another unit: samples and members do not interact.
        state, entering = (each.repeat_interleave(size, dim=1) for each in (before, x))
        unit = torch.eye(size, dtype=state.dtype, device=state.device).repeat(count, 1).expand(members, -1, -1)
        found = _pulled_back(lambda given: self(entering, given), state, unit)
        return found.view(members, count, size, size)

    def pushed(self, x: Tensor, before: Tensor, direction: Tensor) -> Tensor:
        """Jacobian–vector product (K, N, S): how s_t moves where s_{t-1} moves along a direction (K, N, S)."""
        # The vector–Jacobian product is linear in its vector; its own derivative is the other product.
        with torch.enable_grad():
            any_vector = torch.zeros_like(before).requires_grad_()
            back = _pulled_back(lambda given: self(x, given), before, any_vector, graph=True)
            if not back.requires_grad:
                return torch.zeros_like(before)
            return torch.autograd.grad(back, any_vector, direction, materialize_grads=True)[0]


def _pulled_back(function: Callable[[Tensor], Tensor], at: Tensor, vector: Tensor, graph: bool = False) -> Tensor:
    """Vector–Jacobian product of a function at a point; zeros where it does not depend on it."""
    with torch.enable_grad():
        point = at.detach().requires_grad_()
        result = function(point)
        if not result.requires_grad:
            return torch.zeros_like(point)
        return torch.autograd.grad(result, point, vector, create_graph=graph, materialize_grads=True)[0]
