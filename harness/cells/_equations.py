"""A module's step as equations: torch's operations, written down while the module runs once.

What depends on weights alone is computed by torch, once for a pass over a batch: these are the weights in use. The rest
is a step of operations that work on tensors of several members, and on what stands in for tensors while the engine
reads a step. Whether both give what the module gives, values and derivatives, is tried on random numbers.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import count
from typing import Any

import torch
from torch import Tensor

from harness.base.errors import first_line
from harness.cells._operations import OPERATIONS
from harness.cells._tape import InUse, Operation, Tape, Unreadable, Value, mapped, several
from harness.cells.base import Named, Weights, as_in_a_step

Run = Callable[[dict[str, Tensor], Tensor, Sequence[Tensor]], Sequence[Tensor]]
"""A module's step, of one member: from parameters, x and the state's tensors to those of the new state."""

MEMBERS, SAMPLES = 2, 3
"""With how many equations are tried; other numbers of samples than those that they were read with."""

CLOSE = 1e-6
"""By how much derivatives may differ: those that torch has of some functions are no more exact (hardsigmoid)."""


@dataclass(frozen=True)
class Equations:
    """A module's step.

    Attributes:
        parameters: their places, by name.
        before: what is computed of them alone.
        used: by name of a weight in use its value, which may be a constant, and its units; None of a matrix.
        step: what is computed at a step.
        given, results: the places of x and of the state, and those of the new state.
    """

    parameters: dict[str, int]
    before: list[Operation]
    used: dict[str, tuple[Any, int | None]]
    step: list[Operation]
    given: list[int]
    results: list[int]

    def weights(self, p: Mapping[str, Tensor]) -> Weights:
        """The weights in use, each (K, …), from parameters in the module's own shapes, each (K, …)."""
        return Named(torch.vmap(self._weights_of_one)({name: p[name] for name in self.parameters}))

    def _weights_of_one(self, own: dict[str, Tensor]) -> dict[str, Tensor]:
        values: dict[int, Any] = {place: own[name] for name, place in self.parameters.items()}
        like = next(iter(own.values()))

        def value(each: Any) -> Any:
            if isinstance(each, Tensor):
                return each.to(like) if each.is_floating_point() else each.to(like.device)
            return values[each.place] if isinstance(each, Value) else each

        for each in self.before:
            made = each.function(*mapped(value, each.args), **mapped(value, each.options))
            values.update(zip(each.made, several(made), strict=True))
        found = {}
        for name, (stands, units) in self.used.items():
            made = value(stands)
            # What unit by unit enters has no more than one row, or the same in all of them.
            found[name] = made if units is None else made.reshape(-1, units)[0]
        return found

    def new_state(self, w: Weights, x: Any, state: Sequence[Any]) -> list[Any]:
        """A step as in `harness.cells.base.Cell.step`: the tensors of the new state, each (K, B, width)."""
        values: dict[int, Any] = dict(zip(self.given, [x, *state], strict=True))

        def value(each: Any) -> Any:
            return values[each.place] if isinstance(each, Value) else w[each.name] if isinstance(each, InUse) else each

        for each in self.step:
            made = OPERATIONS[each.name](*mapped(value, each.args), **mapped(value, each.options))
            values.update(zip(each.made, several(made), strict=True))
        return [values[place] for place in self.results]


def equations(run: Run, parameters: Mapping[str, Tensor], input_size: int, widths: Sequence[int]) -> Equations:
    """Read a module's step.

    Args:
        parameters: float64.
        widths: of the state's tensors that it is given.

    Raises:
        Unreadable: it is no equations, or does something else than these.
    """
    sizes = {input_size, *widths, *(size for value in parameters.values() for size in value.shape)}
    batch = next(size for size in count(5) if size not in sizes)  # what has so many rows has one for each sample
    x, *state = (torch.zeros(batch, width, dtype=torch.float64) for width in (input_size, *widths))
    tape = Tape(parameters, [x, *state])
    try:
        with torch.no_grad(), tape:
            made = run(dict(parameters), x, state)
        places = {name: place for place, name in enumerate(parameters)}
        found = Equations(places, tape.before, tape.used, tape.step, tape.given, tape.results(made))
        differ = _differ(found, run, parameters, [input_size, *widths])
    except Unreadable:
        raise
    except Exception as error:
        raise Unreadable(f"{type(error).__name__}: {first_line(error)}") from None
    if differ:
        raise Unreadable("what it does is not all done by operations of torch on its inputs, or mixes samples")
    return found


def _differ(found: Equations, run: Run, parameters: Mapping[str, Tensor], widths: Sequence[int]) -> bool:
    """Whether equations give other values or derivatives than the module, where all numbers are random."""
    generator = torch.Generator().manual_seed(0)

    def drawn(*shape: int) -> Tensor:
        return torch.randn(*shape, generator=generator, dtype=torch.float64)

    def near(value: Tensor) -> Tensor:
        shape = MEMBERS, *value.shape
        return value * (1 + 0.1 * drawn(*shape)) + 0.01 * drawn(*shape)

    own = {name: near(value).requires_grad_() for name, value in parameters.items()}
    x, *state = (drawn(MEMBERS, SAMPLES, width).requires_grad_() for width in widths)
    with torch.enable_grad():
        mine = found.new_state(as_in_a_step(found.weights(own)), x, state)
        members = [
            run({name: value[k] for name, value in own.items()}, x[k], [part[k] for part in state])
            for k in range(MEMBERS)
        ]
        theirs = [torch.stack(list(values)) for values in zip(*members, strict=True)]
        along, asked = [drawn(*value.shape) for value in theirs], [*own.values(), x, *state]
        slopes = []
        for made in (mine, theirs):
            # As a number: given where the gradient begins, torch would load a library for symbols, for seconds.
            number = sum((value * weight).sum() for value, weight in zip(made, along, strict=True))
            slopes.append(torch.autograd.grad(number, asked, allow_unused=True, materialize_grads=True))
    pairs = [*zip(mine, theirs, strict=True), *zip(*slopes, strict=True)]
    return not all(torch.allclose(one, two, CLOSE, CLOSE, equal_nan=True) for one, two in pairs)
