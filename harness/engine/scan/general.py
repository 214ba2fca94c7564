"""The scan for any cell: its plain step, and autograd through all steps at once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from harness.cells.base import Cell, Named, State, Weights, as_in_a_step
from harness.engine.scan.interface import (
    BackwardPass,
    Buffers,
    TorchProduct,
    is_tokens,
    norm,
    one_hot,
    states_buffers,
)


@dataclass(frozen=True)
class GeneralScanner(TorchProduct):
    """Runs a cell by its plain step, leaving a graph of all steps.

    Attributes:
        input_size: F, the number of different tokens.
        widths: of the parts of the state.
    """

    cell: Cell
    input_size: int
    widths: dict[str, int]

    def forward(self, weights: Weights, inputs: Tensor, start: State, buffers: Buffers) -> GeneralTrace:
        """See `harness.engine.scan.interface.Scanner.forward`."""
        states = states_buffers(self.widths, inputs, start, buffers)
        leaves: Weights = Named({name: value.detach().requires_grad_() for name, value in weights.items()})
        # What a plain step does with its inputs is the cell's own affair: it is given vectors.
        dtype = next(iter(start.values())).dtype
        x = one_hot(inputs, self.input_size, dtype) if is_tokens(inputs) else inputs.detach()
        x.requires_grad_()
        steps: list[State] = [Named({part: value.detach().requires_grad_() for part, value in start.items()})]
        seen = []
        with torch.enable_grad():
            used = as_in_a_step(leaves)
            for t in range(inputs.shape[1]):
                steps.append(new_state(self.cell.step(used, x[:, t], steps[-1]), steps[-1]))
                seen.append(self.cell.output(used, x[:, t], steps[-1]))
        for t, state in enumerate(steps):
            for part, value in state.items():
                states[part][:, t] = value.detach()
        return GeneralTrace(leaves, x, steps, seen, states)


@dataclass(frozen=True)
class GeneralTrace:
    """What a forward scan leaves for the backward scan.

    Attributes:
        leaves: the weights as the graph knows them.
        inputs: x as vectors, (K, T, B, F), as the graph knows it.
        steps: s_0, s_1, …, s_T as the graph knows them.
        seen: what the next layer sees of s_1, …, s_T, as the graph knows it.
        states: the values of ``steps``, for each part (K, T + 1, B, width).
    """

    leaves: Weights
    inputs: Tensor
    steps: list[State]
    seen: list[Tensor]
    states: State

    @property
    def outputs(self) -> Tensor:
        """See `harness.engine.scan.interface.Trace.outputs`."""
        return torch.stack([value.detach() for value in self.seen], dim=1)

    def backward(self, given: BackwardPass) -> Tensor | None:
        """See `harness.engine.scan.interface.Trace.backward`."""
        ends = [*self.steps[-1].values(), *(self.seen[t - 1] for t in given.above.steps)]
        arriving = [*(given.carry[part] for part in self.steps[-1]), *given.above.values.unbind(1)]
        keep = given.keep
        # Asking for the gradient of the states themselves gives the totals: what reaches c through h too.
        asked = [*self.leaves.values(), self.inputs, *self.steps[0].values()]
        kept = [(t, part) for t in range(1, len(self.steps)) for part in self.states] if keep is not None else []
        states = [self.steps[t][part] for t, part in kept]
        found = torch.autograd.grad(ends, [*asked, *states], arriving, allow_unused=True)
        values = [
            torch.zeros_like(source) if value is None else value
            for source, value in zip([*asked, *states], found, strict=True)
        ]
        for name, value in zip(self.leaves, values, strict=False):
            given.grad[name] += value
        grad_x, *first = values[len(self.leaves) : len(asked)]
        for (t, part), value in zip(kept, values[len(asked) :], strict=True):
            assert keep is not None
            keep.norms[part][:, t - 1] = norm(value)
            if part in keep.totals:
                keep.totals[part][:, t - 1] = value
        # Last, since autograd hands on what it was given: the gradient of s_T is the carry itself.
        for part, value in zip(self.steps[0], first, strict=True):
            given.carry[part].copy_(value)
        return grad_x if given.need_input_grad else None


def new_state(made: Mapping[str, Tensor], old: State) -> State:
    """What a step returns, with every part a tensor of its own that autograd knows.

    What reaches a part that is handed on as it was is not what reaches the old one; a constant is not in the graph.
    """
    handed_on = [id(value) for value in old.values()]
    found: State = Named()
    for part, value in made.items():
        found[part] = value.view_as(value) if id(value) in handed_on else value
        if not value.requires_grad:
            found[part] = value.detach().requires_grad_()
    return found
