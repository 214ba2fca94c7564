"""The weights of K members: their names and shapes, how they start, and where they lie.

All weights of a member lie in one row of a tensor `flat`, shape (K, P); those of the formulas are views into it.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from harness.base.errors import UserError
from harness.base.seeds import stream
from harness.cells.base import Cell, Named, Parameter, Weights
from harness.cells.initial import DIAGONAL_INITS, RECURRENT_INITS, dense
from harness.engine.blocks import cell_of_layer, input_weights


@dataclass(frozen=True)
class Architecture:
    """What members of one network share: its cell, its sizes, and the block around each layer (`BLOCKS`).

    Attributes:
        embedding_size: length of the vectors that tokens are embedded in; None: they are one-hot vectors.
    """

    cell: Cell
    input_size: int
    hidden_size: int
    num_layers: int
    output_size: int
    block: str = "plain"
    embedding_size: int | None = None

    def layer_cell(self, layer: int) -> Cell:
        """What is run as a layer (1-based): the cell in its block, with the embedding before the first."""
        return cell_of_layer(self.block, self.cell, layer, self.embedding_size)

    def layer_input_size(self, layer: int) -> int:
        """How many numbers enter a layer (1-based) at a step."""
        return self.input_size if layer == 1 else self.layer_cell(layer - 1).output_size(self.hidden_size)

    def parameters(self) -> dict[str, Parameter]:
        """All weights by name, in the order of a row of `Network.flat`."""
        width = self.hidden_size
        found: dict[str, Parameter] = {}
        for layer in range(1, self.num_layers + 1):
            cell, inputs = self.layer_cell(layer), self.layer_input_size(layer)
            if flaw := cell.flaw_of_weights(width, inputs):
                raise UserError(f"cell {self.cell.name}: {flaw}")
            own = cell.parameters(inputs, width)
            found.update({f"layer{layer}.{name}": parameter for name, parameter in own.items()})
        found["readout.weight"] = Parameter(
            (self.layer_cell(self.num_layers).output_size(width), self.output_size), "dense"
        )
        found["readout.bias"] = Parameter((self.output_size,), "constant")
        return found


@dataclass(frozen=True)
class MemberInit:
    """What distinguishes the initial weights of one member from another's."""

    cell: Cell
    seed: int
    init: str
    weight_scale: float
    input_scale: float = 1.0


def views(shape: Architecture, flat: Tensor) -> dict[str, Tensor]:
    """The weights of all members by name, each (K, …): views into ``flat`` of shape (K, P)."""
    found, start = {}, 0
    for name, parameter in shape.parameters().items():
        stop = start + math.prod(parameter.shape)
        found[name] = flat[:, start:stop].view(-1, *parameter.shape)
        start = stop
    return found


def layers(shape: Architecture, tensors: Mapping[str, Tensor]) -> list[Weights]:
    """The weights of each layer, or what `views` made of another tensor, by the names that the cell gives them."""
    prefixes = [f"layer{layer}." for layer in range(1, shape.num_layers + 1)]
    return [
        Named({name.removeprefix(prefix): value for name, value in tensors.items() if name.startswith(prefix)})
        for prefix in prefixes
    ]


@dataclass(frozen=True)
class WeightsInUse:
    """The weights that a layer computes with, and the way back to the parameters that they are made of.

    Attributes:
        values: what `Cell.step` is given, without a graph.
        leaves, made: parameters and weights as autograd knows them; empty where the weights are the parameters.
    """

    values: Weights
    leaves: Weights
    made: Weights

    @classmethod
    def of(cls, cell: Cell, parameters: Weights) -> WeightsInUse:
        """Compute them."""
        if type(cell).weights is Cell.weights:
            return cls(parameters, Named(), Named())
        leaves: Weights = Named({name: value.detach().requires_grad_() for name, value in parameters.items()})
        with torch.enable_grad():
            made: Weights = Named(cell.weights(leaves))
        return cls(Named({name: value.detach().contiguous() for name, value in made.items()}), leaves, made)

    def room(self, grad: Weights) -> Weights:
        """Where the gradients of the weights in use are to be added, given those of the parameters."""
        return Named({name: torch.zeros_like(value) for name, value in self.values.items()}) if self.made else grad

    def pass_on(self, found: Weights, grad: Weights) -> None:
        """Add to the gradients of the parameters what was found for the weights in use."""
        made = {name: value for name, value in self.made.items() if value.requires_grad}
        if made:
            given = [found[name] for name in made]
            values = torch.autograd.grad(
                list(made.values()), list(self.leaves.values()), given, retain_graph=True, allow_unused=True
            )
            for name, value in zip(self.leaves, values, strict=True):
                if value is not None:
                    grad[name] += value


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
    parts, scaled = [], input_weights(member.cell, width) if member.input_scale != 1 else set()
    for name, parameter in own.items():
        source = f"{name.partition('.')[0]}.{parameter.stream}" if parameter.stream else name
        value = initial(parameter, stream(member.seed, "weights", source), width, member)
        parts.append((value * member.input_scale if name.partition(".")[2] in scaled else value).ravel())
    return np.concatenate(parts)


def initial(
    parameter: Parameter, rng: np.random.Generator, hidden_size: int, member: MemberInit
) -> NDArray[np.float64]:
    """The values at which a weight starts, in its shape.

    Raises:
        UserError: a weight's own ``draw`` gives another shape.
    """
    shape = parameter.shape
    if parameter.kind == "recurrent":
        base = DIAGONAL_INITS if len(shape) == 1 else RECURRENT_INITS
        count = shape[-1] // hidden_size
        return np.concatenate(
            [base[member.init](rng, hidden_size) * member.weight_scale for _ in range(count)], axis=-1
        )
    if parameter.kind == "constant":
        return np.repeat(parameter.start, math.prod(shape) // len(parameter.start)).reshape(shape)
    if parameter.kind == "drawn":
        assert parameter.draw is not None
        value = np.asarray(parameter.draw(rng), dtype=np.float64)
        if value.shape != shape:
            raise UserError(f"cell {member.cell.name}: a weight of shape {shape} is drawn in the shape {value.shape}")
        return value
    return dense(rng, shape[0], shape[1], hidden_size)


def spectral_radius(shape: Architecture, in_use: Sequence[WeightsInUse]) -> list[float]:
    """For each member the largest |eigenvalue| among the matrices of its recurrence, in all layers (`Cell.recurrence`).

    NaN where they are not finite, or where the inputs decide what happens to the state; 0 without memory.
    """
    found = [
        _largest_eigenvalue(each) for used in in_use for each in shape.cell.recurrence(used.values, shape.hidden_size)
    ]
    if not found:
        members = len(next(iter(in_use[0].values.values())))
        return [math.nan if shape.cell.has_memory else 0.0] * members
    return torch.stack(found).amax(dim=0).tolist()


def largest_singular_value(shape: Architecture, in_use: Sequence[WeightsInUse]) -> Tensor:
    """The largest singular value of each member's recurrent matrix in the top layer, (K,); NaN where it is not finite.

    Of a cell with one such matrix (`Cell.recurrence`).
    """
    (matrices,) = shape.cell.recurrence(in_use[-1].values, shape.hidden_size)
    matrices = matrices.double()
    finite = matrices.isfinite().flatten(1).all(dim=1)
    known = matrices.where(finite[:, None, None], 0)
    if known.device.type == "cpu":
        return torch.linalg.matrix_norm(known, ord=2).where(finite, torch.nan)
    largest = known.abs().amax(dim=(1, 2))
    scaled = known / largest.where(largest > 0, 1)[:, None, None]
    return (radius_by_squaring(scaled.mT @ scaled).sqrt() * largest).where(finite, torch.nan)


def _largest_eigenvalue(matrices: Tensor) -> Tensor:
    """The largest |eigenvalue| of matrices (K, n, n), or diagonals of such (K, n); NaN where they are not finite."""
    matrices = matrices.to(torch.complex128 if matrices.is_complex() else torch.float64)
    finite = matrices.isfinite().flatten(1).all(dim=1)
    if matrices.ndim == 3 and matrices.device.type != "cpu":
        return radius_by_squaring(matrices.where(finite[:, None, None], 0)).where(finite, torch.nan)
    values = torch.linalg.eigvals(matrices.where(finite[:, None, None], 0)) if matrices.ndim == 3 else matrices
    return values.abs().amax(dim=1).where(finite, torch.nan)


SQUARINGS = 54
"""So often squared, what is left of a matrix besides its largest eigenvalue counts less than rounding."""


def radius_by_squaring(matrices: Tensor) -> Tensor:
    """The largest |eigenvalue| of matrices (K, n, n), all at once: a GPU takes eigenvalues one matrix after another.

    Gelfand's formula: the limit of ‖A^p‖^(1/p), here with p = 2^54. A power's logarithm counts one p-th, and so does
    what rounding has done to it.
    """
    log, share = matrices.new_zeros(len(matrices), dtype=torch.float64), 1.0
    for _ in range(SQUARINGS):
        size = matrices.abs().amax(dim=(1, 2))
        log += share * size.log()
        matrices = matrices / size.where(size > 0, 1)[:, None, None]
        matrices, share = matrices @ matrices, share / 2
    return log.exp()
