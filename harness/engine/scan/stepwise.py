"""The scan of a cell with a formula step by step in torch, on every device: its programs, an operation at a time."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor

from harness.cells.base import State, Weights, as_in_a_step
from harness.cells.functions import fold, repeat
from harness.engine.scan.derivative import OUTPUT
from harness.engine.scan.interface import (
    BackwardPass,
    Buffers,
    TorchProduct,
    is_tokens,
    norm,
    one_hot,
    states_buffers,
)
from harness.engine.scan.nodes import Block, Node
from harness.engine.scan.plan import MatrixGradient, Plan
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


SPAN = 8
"""Steps whose deltas go into the gradients of weight matrices together."""

AHEAD = 32
"""Steps whose inputs are multiplied together."""


@dataclass(frozen=True)
class StepwiseScanner(TorchProduct):
    """Runs a cell's programs by torch."""

    plan: Plan

    def begin(
        self, weights: Weights, inputs: Tensor, start: State, buffers: Buffers, lengths: Tensor | None = None
    ) -> StepwiseTrace:
        """The trace of a scan before its first step: where everything will lie."""
        plan, (members, steps, batch) = self.plan, inputs.shape[:3]
        if is_tokens(inputs) and not plan.takes_tokens:
            inputs = one_hot(inputs, plan.input_size, start[next(iter(start))].dtype)
        states = states_buffers(plan.widths, inputs, start, buffers)
        act = buffers("act", (members, steps, batch, plan.act))
        scratch = buffers("scratch", (members, batch, max(plan.forward.scratch, plan.backward.scratch)))
        own = buffers("own", (members, batch, max(plan.forward.own, plan.backward.own)))
        seen = buffers("output", (members, steps, batch, plan.output_size)) if plan.output_part is None else None
        return StepwiseTrace(plan, as_in_a_step(weights), inputs, lengths, states, act, scratch, own, seen)

    def forward(
        self, weights: Weights, inputs: Tensor, start: State, buffers: Buffers, lengths: Tensor | None = None
    ) -> StepwiseTrace:
        """See `harness.engine.scan.interface.Scanner.forward`."""
        trace = self.begin(weights, inputs, start, buffers, lengths)
        plan, act, steps = self.plan, trace.act, inputs.shape[1]
        # Products of the inputs alone that begin a sum which is stored: at many steps at once.
        ahead = [p for p in _products(plan.forward) if (p.left.buffer, p.dest.buffer, p.add) == ("x", "act", False)]
        for product in ahead:
            dest = act[..., product.dest.offset :][..., : product.block.columns]
            for begin in range(0, steps, AHEAD):
                span = slice(begin, begin + AHEAD)
                dest[:, span].copy_(trace.of_inputs(product, span))
        for t in range(steps):
            _Step(trace, t, {}).run(plan.forward, ahead)
            if lengths is not None:
                trace.hold(t)
        return trace


@dataclass(frozen=True)
class StepwiseTrace:
    """What a forward scan leaves for the backward scan.

    Attributes:
        inputs: x, (K, T, B, F), or tokens (K, T, B).
        lengths: the step at which each sample ends, (K, B); None: all have T steps.
        states: for each part (K, T + 1, B, width): s_0, s_1, …, s_T.
        act: what the forward program stores of every step.
        scratch, own: room for a step.
        seen: what the next layer sees, where that is no part of the state.
    """

    plan: Plan
    weights: Weights
    inputs: Tensor
    lengths: Tensor | None
    states: State
    act: Tensor
    scratch: Tensor
    own: Tensor
    seen: Tensor | None

    @property
    def outputs(self) -> Tensor:
        """See `harness.engine.scan.interface.Trace.outputs`."""
        if self.seen is not None:
            return self.seen
        assert self.plan.output_part is not None
        return self.states[self.plan.output_part][:, 1:]

    def ended(self, t: int) -> Tensor | None:
        """Which samples have ended before a step (from 0), (K, B, 1); None where none ever does before the last."""
        return None if self.lengths is None else (self.lengths <= t)[..., None]

    def hold(self, t: int) -> None:
        """Undo a step for samples that have ended: they keep their state, and what they show.

        They also keep what was stored at their own last step: there, no derivative is anything but a number.
        """
        ended = self.ended(t)
        assert ended is not None
        for values in self.states.values():
            values[:, t + 1].copy_(values[:, t].where(ended, values[:, t + 1]))
        if self.seen is not None:
            shown = self.seen[:, t - 1] if t else torch.zeros_like(self.seen[:, 0])
            self.seen[:, t].copy_(shown.where(ended, self.seen[:, t]))
        if t:
            self.act[:, t].copy_(self.act[:, t - 1].where(ended, self.act[:, t]))

    def of_inputs(self, product: Product, steps: slice) -> Tensor:
        """A product with the inputs at some steps, (K, S, B, columns); of tokens the rows that they take."""
        factor, inputs = block_of(self.weights, product.block), self.inputs[:, steps]
        if not is_tokens(inputs):
            x = inputs[..., product.left.offset :][..., : product.block.rows].flatten(1, 2)
            return torch.bmm(x, factor).view(*inputs.shape[:3], -1)
        rows = rows_of(inputs, factor.shape[1])
        return factor.flatten(0, 1)[rows].view(*inputs.shape, -1)

    def backward(self, given: BackwardPass) -> Tensor | None:
        """See `harness.engine.scan.interface.Trace.backward`."""
        plan, (members, steps, batch) = self.plan, self.inputs.shape[:3]
        kept = self.act.new_empty(members, min(steps, SPAN), batch, plan.kept)
        grad_x = self.act.new_empty(members, steps if given.need_input_grad else 1, batch, plan.input_size)
        nothing = self.act.new_zeros(members, batch, plan.output_size)
        arrived = dict(given.carry)
        entering = dict(zip(given.above.steps, given.above.values.unbind(1), strict=True))
        late = [p for p in _products(plan.backward) if p.dest.buffer == "grad_x"]
        for t in range(steps - 1, -1, -1):
            ended = self.ended(t)
            enters = entering.get(t + 1, nothing)
            enters = enters if ended is None else enters.masked_fill(ended, 0)
            if plan.output_part is None:
                arrived[OUTPUT] = enters
            elif t + 1 in entering:
                arrived[plan.output_part] = arrived[plan.output_part] + enters
            step = _Step(self, t, arrived, kept, grad_x, given.grad)
            step.run(plan.backward, late)
            if ended is not None:
                kept[:, t % kept.shape[1]].masked_fill_(ended, 0)
            if given.keep is not None:
                for part, place in plan.totals.items():
                    value = step.at(place, plan.widths[part])
                    value = value if ended is None else value.masked_fill(ended, 0)
                    given.keep.norms[part][:, t] = norm(value)
                    if part in given.keep.totals:
                        given.keep.totals[part][:, t] = value
            if given.need_input_grad:
                step.products(late)
            if ended is not None:
                grad_x[:, t % grad_x.shape[1]].masked_fill_(ended, 0)
                step.carry.update({part: arrived[part].where(ended, made) for part, made in step.carry.items()})
            arrived = step.carry
            if t % SPAN == 0:
                for each in plan.matrices:
                    self.add_to_matrix(given.grad, each, kept, t, min(t + SPAN, steps))
        for part, value in given.carry.items():
            value.copy_(arrived[part])
        return grad_x if given.need_input_grad else None

    def add_to_matrix(self, grad: Weights, each: MatrixGradient, kept: Tensor, begin: int, end: int) -> None:
        """Add what steps begin + 1 … end give to the gradient of a block; ``kept``: (K, ≥ end - begin, B, ·)."""
        block, members, kept = each.block, len(kept), kept[:, : end - begin]
        delta = kept[..., each.delta.offset :][..., : block.columns].flatten(1, 2)
        dest = block_of(grad, block)
        if each.left.buffer == "x" and is_tokens(self.inputs):
            # What an embedding's backward pass does: unlike adding by index, the same on a GPU every time.
            rows = rows_of(self.inputs[:, begin:end], block.rows)
            found = torch.ops.aten.embedding_dense_backward(delta, rows, members * block.rows, -1, False)
            dest += found.view(members, block.rows, block.columns)
            return
        if each.left.buffer != "kept":
            source = self.inputs if each.left.buffer == "x" else self.states[each.left.name]
            source = source[:, begin:end]
        else:
            source = kept
        left = source[..., each.left.offset : each.left.offset + block.rows].flatten(1, 2)
        dest.baddbmm_(left.mT, delta)


@dataclass
class _Step:
    """One step of a scan: where everything lies."""

    trace: StepwiseTrace
    t: int
    arrived: dict[str, Tensor]
    kept: Tensor | None = None
    grad_x: Tensor | None = None
    grad: Weights | None = None
    carry: dict[str, Tensor] = field(default_factory=dict)

    def run(self, program: Program, without: Sequence[Product]) -> None:
        """Run a program, without some products: they are there already, or come later."""
        for phase in program.phases:
            self.products([product for product in phase.products if product not in without])
            for each in phase.passes:
                for made in each.across:
                    self.across(made)
                for loop in each.loops:
                    self.loop(loop, program.places)

    def products(self, products: Sequence[Product]) -> None:
        """Products one after another."""
        for product in products:
            self.product(product)

    def product(self, product: Product) -> None:
        """dest = or += left · block."""
        dest = self.at(product.dest, product.block.columns)
        if product.left.buffer == "x" and is_tokens(self.trace.inputs):
            found = self.trace.of_inputs(product, slice(self.t, self.t + 1))[:, 0]
            (dest.add_ if product.add else dest.copy_)(found)
            return
        left = self.at(product.left, product.block.rows)
        factor = block_of(self.trace.weights, product.block)
        if product.add:
            dest.baddbmm_(left, factor)
        else:
            dest.copy_(torch.bmm(left, factor))

    def across(self, made: Across) -> None:
        """An operation across the units of a vector."""
        node, of = made.node, self.at(made.of, made.node.args[0].width)
        how = (node.times, node.stretch) if node.op in ("repeat", "fold") else ()
        self.at(made.dest, node.width).copy_(OPERATIONS[node.op](of, *how))

    def loop(self, loop: Loop, places: dict[Node, Place]) -> None:
        """Compute nodes, and keep some."""
        values: dict[Node, Tensor | float] = {}

        def value(node: Node) -> Tensor | float:
            if node not in values:
                values[node] = node.value if node.op == "number" else self.at(places[node], node.width)
            return values[node]

        for node in loop.nodes:
            values[node] = OPERATIONS[node.op](*map(value, node.args))
        for store in loop.stores:
            dest, found = self.at(store.dest, loop.width), value(store.node)
            if not store.add:
                dest.copy_(found) if isinstance(found, Tensor) else dest.fill_(found)
            else:
                dest += found.sum(1, keepdim=True) if isinstance(found, Tensor) else found * self.trace.inputs.shape[2]

    def at(self, place: Place, width: int) -> Tensor:
        """What lies at a place."""
        return self._buffer(place)[..., place.offset : place.offset + width]

    def _buffer(self, place: Place) -> Tensor:
        trace, t = self.trace, self.t
        match place.buffer:
            case "old" | "new":
                return trace.states[place.name][:, t + (place.buffer == "new")]
            case "weight":
                return trace.weights[place.name]
            case "scratch":
                return trace.scratch
            case "own":
                return trace.own
            case "grad":
                return self.arrived[place.name]
            case "vector":
                assert self.grad is not None
                return self.grad[place.name][:, None]
            case "carry":
                if place.name not in self.carry:
                    self.carry[place.name] = torch.empty_like(self.arrived[place.name])
                return self.carry[place.name]
        whole = {"x": trace.inputs, "act": trace.act, "output": trace.seen, "kept": self.kept, "grad_x": self.grad_x}
        found = whole[place.buffer]
        assert found is not None
        return found[:, t % found.shape[1]]


def _products(program: Program) -> list[Product]:
    return [product for phase in program.phases for product in phase.products]


def block_of(weights: Weights, block: Block) -> Tensor:
    """A block of the members' weights, as a right factor: (K, rows, columns)."""
    rows, columns = (block.columns, block.rows) if block.transposed else (block.rows, block.columns)
    found = weights[block.weight][:, block.row : block.row + rows, block.column : block.column + columns]
    return found.mT if block.transposed else found


def rows_of(tokens: Tensor, features: int) -> Tensor:
    """The rows (K, T · B) of all members' weights (K · F, ·) that tokens (K, T, B) take."""
    first = features * torch.arange(len(tokens), device=tokens.device)
    return tokens.flatten(1) + first[:, None]
