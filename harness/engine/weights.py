"""The weights of K members: their names and shapes, how they start, and where they lie.

All weights of a member lie in one row of a tensor `flat`, shape (K, P); those of the formulas are views into it.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
from torch import Tensor

from harness.base.errors import UserError
from harness.base.seeds import stream
from harness.cells.base import Cell, Parameter
from harness.cells.initial import RECURRENT_INITS, dense


@dataclass(frozen=True)
class Architecture:
    """What members of one network share: its cell and its sizes."""

    cell: Cell
    input_size: int
    hidden_size: int
    num_layers: int
    output_size: int

    def parameters(self) -> dict[str, Parameter]:
        """All weights by name, in the order of a row of `Network.flat`."""
        width = self.hidden_size
        found: dict[str, Parameter] = {}
        for layer in range(1, self.num_layers + 1):
            inputs = self.input_size if layer == 1 else width
            if flaw := self.cell.flaw_of_weights(width, inputs):
                raise UserError(f"cell {self.cell.name}: {flaw}")
            own = self.cell.parameters(inputs, width)
            found.update({f"layer{layer}.{name}": parameter for name, parameter in own.items()})
        found["readout.weight"] = Parameter((width, self.output_size), "dense")
        found["readout.bias"] = Parameter((self.output_size,), "constant")
        return found


@dataclass(frozen=True)
class MemberInit:
    """What distinguishes the initial weights of one member from another's."""

    cell: Cell
    seed: int
    init: str
    weight_scale: float


def views(shape: Architecture, flat: Tensor) -> dict[str, Tensor]:
    """The weights of all members by name, each (K, …): views into ``flat`` of shape (K, P)."""
    found, start = {}, 0
    for name, parameter in shape.parameters().items():
        stop = start + math.prod(parameter.shape)
        found[name] = flat[:, start:stop].view(-1, *parameter.shape)
        start = stop
    return found


def layers(shape: Architecture, tensors: Mapping[str, Tensor]) -> list[dict[str, Tensor]]:
    """The weights of each layer, or what `views` made of another tensor, by the names that the cell gives them."""
    prefixes = [f"layer{layer}." for layer in range(1, shape.num_layers + 1)]
    return [
        {name.removeprefix(prefix): value for name, value in tensors.items() if name.startswith(prefix)}
        for prefix in prefixes
    ]


def initial_row(shape: Architecture, member: MemberInit) -> np.ndarray:
    """All weights of one member in a row of length P, float64.

    Raises:
        UserError: the member's own cell has weights of other shapes than the others'.
    """
    width, own = shape.hidden_size, replace(shape, cell=member.cell).parameters()
    sizes = {name: parameter.shape for name, parameter in own.items()}
    if sizes != {name: parameter.shape for name, parameter in shape.parameters().items()}:
        raise UserError(
            f"cell {shape.cell.name}: an option marked INIT_ONLY changes the shapes of weights; valid: options that "
            "change how weights start, and nothing else"
        )
    parts = []
    for name, parameter in own.items():
        rng, size = stream(member.seed, "weights", name), parameter.shape
        if parameter.kind == "recurrent":
            base = RECURRENT_INITS[member.init]
            blocks = [base(rng, width) * member.weight_scale for _ in range(size[1] // width)]
            value = np.concatenate(blocks, axis=1)
        elif parameter.kind == "constant":
            value = np.repeat(parameter.start, math.prod(size) // len(parameter.start))
        else:
            value = dense(rng, size[0], size[1], width)
        parts.append(value.ravel())
    return np.concatenate(parts)
