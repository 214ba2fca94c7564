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

    def forward(
        self, weights: Weights, inputs: Tensor, start: State, buffers: Buffers, lengths: Tensor | None = None
    ) -> GeneralTrace:
        """See `harness.engine.scan.interface.Scanner.forward`."""
        states = states_buffers(self.widths, inputs, start, buffers)
        leaves: Weights = Named({name: value.detach().requires_grad_() for name, value in weights.items()})
        # What a plain step does with its inputs is the cell's own affair: it is given vectors.
        dtype = next(iter(start.values())).dtype
        x = one_hot(inputs, self.input_size, dtype) if is_tokens(inputs) else inputs.detach()
        x.requires_grad_()
        steps: list[State] = [Named({part: value.detach().requires_grad_() for part, value in start.items()})]
        seen: list[Tensor] = []
        own: list[State] = []
        with torch.enable_grad():
            used = as_in_a_step(leaves)
            for t in range(inputs.shape[1]):
                ended = None if lengths is None else (lengths <= t)[..., None]
                # A sample that has ended is given its first state again, and no input: every derivative is a number.
                old = steps[-1] if ended is None else _where(ended, steps[0], steps[-1])
                enters = x[:, t] if ended is None else x[:, t].masked_fill(ended, 0)
                made = new_state(self.cell.step(used, enters, old), old)
                own.append(made)
                steps.append(made if ended is None else _where(ended, steps[-1], made))
                shown = self.cell.output(used, enters, steps[-1])
                held = seen[-1] if t else torch.zeros_like(shown)
                seen.append(shown if ended is None else held.where(ended, shown))
        for t, state in enumerate(steps):
            for part, value in state.items():
                states[part][:, t] = value.detach()
        return GeneralTrace(leaves, x, lengths, steps, own, seen, states)


def _where(condition: Tensor, one: State, other: State) -> State:
    """Parts of one state for some samples, (K, B, 1), and of another for the rest."""
    return Named({part: one[part].where(condition, value) for part, value in other.items()})


@dataclass(frozen=True)
class GeneralTrace:
    """What a forward scan leaves for the backward scan.

    Attributes:
        leaves: the weights as the graph knows them.
        inputs: x as vectors, (K, T, B, F), as the graph knows it.
        lengths: the step at which each sample ends, (K, B); None: all have T steps.
        steps: s_0, s_1, …, s_T as the graph knows them.
        made: what each step has made, s_1, …, s_T but for samples that have ended.
        seen: what the next layer sees of s_1, …, s_T, as the graph knows it.
        states: the values of ``steps``, for each part (K, T + 1, B, width).
    """

    leaves: Weights
    inputs: Tensor
    lengths: Tensor | None
    steps: list[State]
    made: list[State]
    seen: list[Tensor]
    states: State

    @property
    def outputs(self) -> Tensor:
        """See `harness.engine.scan.interface.Trace.outputs`."""
        return torch.stack([value.detach() for value in self.seen], dim=1)

    def backward(self, given: BackwardPass) -> Tensor | None:
        """See `harness.engine.scan.interface.Trace.backward`."""
        ends = [*self.steps[-1].values(), *(self.seen[t - 1] for t in given.above.steps)]
        above = zip(given.above.steps, given.above.values.unbind(1), strict=True)
        entering = [self._until_end(step, values) for step, values in above]
        arriving = [*(given.carry[part] for part in self.steps[-1]), *entering]
        keep = given.keep
        # Asking for the gradient of the states themselves gives the totals: what reaches c through h too.
        asked = [*self.leaves.values(), self.inputs, *self.steps[0].values()]
        kept = [(t, part) for t in range(1, len(self.steps)) for part in self.states] if keep is not None else []
        states = [self.made[t - 1][part] for t, part in kept]
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
            value = self._until_end(t, value)
            keep.norms[part][:, t - 1] = norm(value)
            if part in keep.totals:
                keep.totals[part][:, t - 1] = value
        # Last, since autograd hands on what it was given: the gradient of s_T is the carry itself.
        for part, value in zip(self.steps[0], first, strict=True):
            given.carry[part].copy_(value)
        return grad_x if given.need_input_grad else None

    def _until_end(self, step: int, values: Tensor) -> Tensor:
        """Values (K, B, ·) of a step (1-based), with zeros for samples that do not have it."""
        return values if self.lengths is None else values.masked_fill((self.lengths < step)[..., None], 0)


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
