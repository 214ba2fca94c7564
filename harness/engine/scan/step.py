"""One step of a scan in torch: where its vectors lie, its products, and the stages between them.

A *stage* is what a phase of a program does after its products: operations across units and unit by unit, sample by
sample. Torch runs it an operation at a time; on a GPU it is one kernel (`harness.engine.scan.triton.stages`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import torch
from torch import Tensor

from harness.cells.base import State, Weights
from harness.cells.functions import fold, repeat
from harness.engine.scan.interface import is_tokens
from harness.engine.scan.nodes import Block, Node
from harness.engine.scan.plan import Plan, VectorGradient
from harness.engine.scan.schedule import Across, Loop, Place, Product, Program

OPERATIONS: dict[str, Callable[..., Tensor]] = {
    "+": lambda a, b: a + b,
    "-": lambda a, b: a - b,
    "*": lambda a, b: a * b,
    "/": lambda a, b: a / b,
    "<": lambda a, b: a < b,
    "<=": lambda a, b: a <= b,
    # A condition that was kept for a later loop is a number.
    "where": lambda condition, a, b: torch.where(condition.bool(), a, b),
    "copy": lambda a: a,
    "detach": lambda a: a,
    "sigmoid": torch.sigmoid,
    "tanh": torch.tanh,
    "relu": torch.relu,
    "exp": torch.exp,
    "log": torch.log,
    "log1p": torch.log1p,
    "sqrt": torch.sqrt,
    "sin": torch.sin,
    "cos": torch.cos,
    "abs": torch.abs,
    "floor": torch.floor,
    "repeat": repeat,
    "fold": fold,
    "sum": lambda a: a.sum(-1, keepdim=True),
    "amax": lambda a: a.amax(-1, keepdim=True),
}
"""What every operation of a formula is in torch."""


@dataclass(frozen=True)
class Memory:
    """Where the vectors of a scan lie.

    Attributes:
        inputs: x, (K, T, B, F), or tokens (K, T, B).
        states: for each part (K, T + 1, B, width): s_0, s_1, …, s_T.
        act: what the forward program stores of every step.
        scratch, own: room for a step.
        seen: what the next layer sees, where that is no part of the state.
    """

    weights: Weights
    inputs: Tensor
    states: State
    act: Tensor
    scratch: Tensor
    own: Tensor
    seen: Tensor | None

    def of_inputs(self, product: Product, steps: slice) -> Tensor:
        """A product with the inputs at some steps, (K, S, B, columns); of tokens the rows that they take."""
        factor, inputs = block_of(self.weights, product.block), self.inputs[:, steps]
        if not is_tokens(inputs):
            x = inputs[..., product.left.offset :][..., : product.block.rows].flatten(1, 2)
            return torch.bmm(x, factor).view(*inputs.shape[:3], -1)
        rows = rows_of(inputs, factor.shape[1])
        return factor.flatten(0, 1)[rows].view(*inputs.shape, -1)


class Stages(Protocol):
    """What computes the stages of a step.

    Attributes:
        span: steps whose deltas go into the gradients of weights together.
        kept: how many numbers of a sample a backward step leaves for these gradients.
        vectors: gradients of weight vectors that are among them; the others are added up step by step.
        in_place: whether products are written where they belong at once. That is one launch less; on a CPU they
            would be rounded otherwise.
    """

    span: int
    kept: int
    vectors: Sequence[VectorGradient]
    in_place: bool

    def run(self, step: Step, program: Program, number: int) -> None:
        """Run the stage of a program's phase of this number, forward or backward.

        Raises:
            CannotCompile: it cannot be run. Then nothing of it has been done, nor will be at any other step.
        """


class TorchStages:
    """Computes stages by torch, an operation at a time."""

    span = 8
    vectors: Sequence[VectorGradient] = ()
    in_place = False

    def __init__(self, plan: Plan):
        self.kept = plan.kept

    def run(self, step: Step, program: Program, number: int) -> None:
        """See `Stages.run`."""
        for each in program.phases[number].passes:
            for made in each.across:
                _across(step, made)
            for loop in each.loops:
                _loop(step, loop, program.places)


def _across(step: Step, made: Across) -> None:
    """An operation across the units of a vector."""
    node, of = made.node, step.at(made.of, made.node.args[0].width)
    how = (node.times, node.stretch) if node.op in ("repeat", "fold") else ()
    step.at(made.dest, node.width).copy_(OPERATIONS[node.op](of, *how))


def _loop(step: Step, loop: Loop, places: Mapping[Node, Place]) -> None:
    """Compute nodes, and keep some."""
    values: dict[Node, Tensor | float] = {}

    def value(node: Node) -> Tensor | float:
        if node not in values:
            values[node] = node.value if node.op == "number" else step.at(places[node], node.width)
        return values[node]

    for node in loop.nodes:
        values[node] = OPERATIONS[node.op](*map(value, node.args))
    for store in loop.stores:
        dest, found = step.at(store.dest, loop.width), value(store.node)
        if not store.add:
            dest.copy_(found) if isinstance(found, Tensor) else dest.fill_(found)
        else:
            # A derivative by a weight: it is made of what arrives, and so never a number of the formula's own.
            assert isinstance(found, Tensor)
            dest += (found if step.ended is None else found.masked_fill(step.ended, 0)).sum(1, keepdim=True)


@dataclass
class Step:
    """One step of a scan: where everything lies.

    Attributes:
        t: its number, from 0.
        ended: which samples have ended before it, (K, B, 1); None: none has.
        arrived: going back, dL/ds_t through later steps, and what enters from above.
        carry: what goes on to the step before.
    """

    memory: Memory
    stages: Stages
    t: int
    ended: Tensor | None = None
    arrived: dict[str, Tensor] = field(default_factory=dict)
    kept: Tensor | None = None
    grad_x: Tensor | None = None
    grad: Weights | None = None
    carry: dict[str, Tensor] = field(default_factory=dict)

    def run(self, program: Program, without: Sequence[Product]) -> None:
        """Run a program, without some products: they are there already, or come later."""
        for number, phase in enumerate(program.phases):
            self.products([product for product in phase.products if product not in without])
            if phase.passes:
                self.stages.run(self, program, number)

    def products(self, products: Sequence[Product]) -> None:
        """Products one after another."""
        for product in products:
            self.product(product)

    def product(self, product: Product) -> None:
        """dest = or += left · block."""
        dest = self.at(product.dest, product.block.columns)
        if product.left.buffer == "x" and is_tokens(self.memory.inputs):
            found = self.memory.of_inputs(product, slice(self.t, self.t + 1))[:, 0]
            (dest.add_ if product.add else dest.copy_)(found)
            return
        left = self.at(product.left, product.block.rows)
        factor = block_of(self.memory.weights, product.block)
        if product.add:
            dest.baddbmm_(left, factor)
        elif self.stages.in_place:
            torch.bmm(left, factor, out=dest)
        else:
            dest.copy_(torch.bmm(left, factor))

    def at(self, place: Place, width: int) -> Tensor:
        """What lies at a place, (K, B, width); (K, 1, width) of a weight vector."""
        return self.buffer(place)[..., place.offset : place.offset + width]

    def buffer(self, place: Place) -> Tensor:
        """All that lies in a place's buffer at this step, (K, B, ·)."""
        memory, t = self.memory, self.t
        match place.buffer:
            case "old" | "new":
                return memory.states[place.name][:, t + (place.buffer == "new")]
            case "weight":
                return memory.weights[place.name]
            case "scratch":
                return memory.scratch
            case "own":
                return memory.own
            case "grad":
                return self.arrived[place.name]
            case "vector":
                assert self.grad is not None
                return self.grad[place.name][:, None]
            case "carry":
                if place.name not in self.carry:
                    like = self.arrived[place.name]
                    self.carry[place.name] = torch.empty_like(like, memory_format=torch.contiguous_format)
                return self.carry[place.name]
        whole = {"x": memory.inputs, "act": memory.act, "output": memory.seen, "kept": self.kept, "grad_x": self.grad_x}
        found = whole[place.buffer]
        assert found is not None
        return found[:, t % found.shape[1]]


def block_of(weights: Weights, block: Block) -> Tensor:
    """A block of the members' weights, as a right factor: (K, rows, columns)."""
    rows, columns = (block.columns, block.rows) if block.transposed else (block.rows, block.columns)
    found = weights[block.weight][:, block.row : block.row + rows, block.column : block.column + columns]
    return found.mT if block.transposed else found


def rows_of(tokens: Tensor, features: int) -> Tensor:
    """The rows (K, T · B) of all members' weights (K · F, ·) that tokens (K, T, B) take."""
    first = features * torch.arange(len(tokens), device=tokens.device)
    return tokens.flatten(1) + first[:, None]
