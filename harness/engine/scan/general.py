"""The scan for any cell: its plain step, and autograd through all steps at once."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from harness.cells.base import Cell, State, Weights
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
    """

    cell: Cell
    input_size: int

    def forward(self, weights: Weights, inputs: Tensor, start: State, buffers: Buffers) -> GeneralTrace:
        """See `harness.engine.scan.interface.Scanner.forward`."""
        states = states_buffers(self.cell, inputs, start, buffers)
        leaves = {name: value.detach().requires_grad_() for name, value in weights.items()}
        # What a plain step does with its inputs is the cell's own affair: it is given vectors.
        x = one_hot(inputs, self.input_size, start["h"].dtype) if is_tokens(inputs) else inputs.detach()
        x.requires_grad_()
        steps = [{part: value.detach().requires_grad_() for part, value in start.items()}]
        with torch.enable_grad():
            for t in range(1, inputs.shape[1] + 1):
                steps.append(self.cell.apply(leaves, x[:, t - 1], steps[-1]))
        for t, state in enumerate(steps):
            for part, value in state.items():
                states[part][:, t] = value.detach()
        return GeneralTrace(self.cell, leaves, x, steps, states)


@dataclass(frozen=True)
class GeneralTrace:
    """What a forward scan leaves for the backward scan.

    Attributes:
        leaves: the weights as the graph knows them.
        inputs: x as vectors, (K, T, B, F), as the graph knows it.
        steps: s_0, s_1, …, s_T as the graph knows them.
        states: the same values, for each part (K, T + 1, B, H).
    """

    cell: Cell
    leaves: Weights
    inputs: Tensor
    steps: list[State]
    states: State

    def backward(self, given: BackwardPass) -> Tensor | None:
        """See `harness.engine.scan.interface.Trace.backward`."""
        ends = [*self.steps[-1].values(), *(self.steps[t]["h"] for t in given.above.steps)]
        arriving = [*(given.carry[part] for part in self.steps[-1]), *given.above.values.unbind(1)]
        keep = given.keep
        # Asking for the gradient of the states themselves gives the totals: what reaches c through h too.
        asked = [*self.leaves.values(), self.inputs, *self.steps[0].values()]
        kept = [(t, part) for t in range(1, len(self.steps)) for part in self.cell.parts] if keep is not None else []
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
