"""The scan of a cell with a formula step by step, on every device: products by torch, and the stages between them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from harness.cells.base import State, Weights, as_in_a_step
from harness.engine.scan.compiler import CannotCompile, warn_once
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
from harness.engine.scan.plan import MatrixGradient, Plan, VectorGradient
from harness.engine.scan.schedule import Product, Program
from harness.engine.scan.step import Memory, Stages, Step, TorchStages, block_of, rows_of

AHEAD = 32
"""Steps whose inputs are multiplied together."""


class StepwiseScanner(TorchProduct):
    """Runs a cell's programs step by step.

    Args:
        stages: what runs the stages, if not torch.
    """

    def __init__(self, plan: Plan, stages: Stages | None = None):
        self.plan = plan
        self.stages = stages or TorchStages(plan)

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
        return StepwiseTrace(as_in_a_step(weights), inputs, states, act, scratch, own, seen, plan, lengths, self)

    def forward(
        self, weights: Weights, inputs: Tensor, start: State, buffers: Buffers, lengths: Tensor | None = None
    ) -> StepwiseTrace:
        """See `harness.engine.scan.interface.Scanner.forward`."""
        trace = self.begin(weights, inputs, start, buffers, lengths)
        try:
            trace.forward()
        except CannotCompile as problem:
            self.refuse(problem)
            trace.forward()
        return trace

    def refuse(self, problem: CannotCompile) -> None:
        """Run the stages by torch from now on."""
        self.stages = TorchStages(self.plan)
        warn_once(f"no Triton kernels for the stages of a step, a GPU is several times slower ({problem})")


@dataclass(frozen=True)
class StepwiseTrace(Memory):
    """What a forward scan leaves for the backward scan.

    Attributes:
        lengths: the step at which each sample ends, (K, B); None: all have T steps.
        scanner: whose it is.
    """

    plan: Plan
    lengths: Tensor | None
    scanner: StepwiseScanner

    @property
    def outputs(self) -> Tensor:
        """See `harness.engine.scan.interface.Trace.outputs`."""
        if self.seen is not None:
            return self.seen
        assert self.plan.output_part is not None
        return self.states[self.plan.output_part][:, 1:]

    def ended(self) -> Sequence[Tensor | None]:
        """For each step which samples have ended before it, (K, B, 1); None where all have T steps."""
        steps = self.inputs.shape[1]
        if self.lengths is None:
            return [None] * steps
        after = torch.arange(steps, device=self.lengths.device)[:, None]
        return (self.lengths[:, None] <= after)[..., None].unbind(1)

    def hold(self, t: int, ended: Tensor) -> None:
        """Undo a step for samples that have ended: they keep their state, and what they show."""
        for values in self.states.values():
            torch.where(ended, values[:, t], values[:, t + 1], out=values[:, t + 1])
        if self.seen is not None:
            shown = self.seen[:, t - 1] if t else torch.zeros_like(self.seen[:, 0])
            torch.where(ended, shown, self.seen[:, t], out=self.seen[:, t])

    def forward(self) -> None:
        """Run all steps."""
        plan, act, steps = self.plan, self.act, self.inputs.shape[1]
        # Products of the inputs alone that begin a sum which is stored: at many steps at once.
        ahead = [p for p in _products(plan.forward) if (p.left.buffer, p.dest.buffer, p.add) == ("x", "act", False)]
        for product in ahead:
            dest = act[..., product.dest.offset :][..., : product.block.columns]
            for begin in range(0, steps, AHEAD):
                span = slice(begin, begin + AHEAD)
                dest[:, span].copy_(self.of_inputs(product, span))
        for t, ended in enumerate(self.ended()):
            Step(self, self.scanner.stages, t).run(plan.forward, ahead)
            if ended is not None:
                self.hold(t, ended)

    def backward(self, given: BackwardPass) -> Tensor | None:
        """See `harness.engine.scan.interface.Trace.backward`."""
        try:
            return self._backward(given, self.scanner.stages)
        except CannotCompile as problem:
            # Nothing has been added to any gradient yet: that comes after all stages of at least one step.
            self.scanner.refuse(problem)
            return self._backward(given, self.scanner.stages)

    def _backward(self, given: BackwardPass, stages: Stages) -> Tensor | None:
        plan, (members, steps, batch) = self.plan, self.inputs.shape[:3]
        span = min(steps, stages.span)
        kept = self.act.new_empty(members, span, batch, stages.kept)
        grad_x = self.act.new_empty(members, steps if given.need_input_grad else 1, batch, plan.input_size)
        nothing = self.act.new_zeros(members, batch, plan.output_size)
        arrived = dict(given.carry)
        entering = dict(zip(given.above.steps, given.above.values.unbind(1), strict=True))
        late = [p for p in _products(plan.backward) if p.dest.buffer == "grad_x"]
        # Of samples that have ended everything is computed, whatever it gives, and nothing is used.
        for t, ended in reversed(list(enumerate(self.ended()))):
            enters = entering.get(t + 1, nothing)
            if ended is not None and t + 1 in entering:
                enters = enters.masked_fill(ended, 0)
            if plan.output_part is None:
                arrived[OUTPUT] = enters
            elif t + 1 in entering:
                arrived[plan.output_part] = arrived[plan.output_part] + enters
            step = Step(self, stages, t, ended, arrived, kept, grad_x, given.grad)
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
                    grad_x[:, t].masked_fill_(ended, 0)
            if ended is not None:
                step.carry.update({part: arrived[part].where(ended, made) for part, made in step.carry.items()})
            arrived = step.carry
            if t % span == 0:
                self.add_to_weights(given.grad, stages.vectors, kept, t, min(t + span, steps))
        for part, value in given.carry.items():
            value.copy_(arrived[part])
        return grad_x if given.need_input_grad else None

    def add_to_weights(
        self, grad: Weights, vectors: Sequence[VectorGradient], kept: Tensor, begin: int, end: int
    ) -> None:
        """Add what steps begin + 1 … end give to gradients of weights; ``kept``: (K, ≥ end - begin, B, ·).

        Args:
            vectors: those whose gradients are in ``kept``, too.
        """
        for each in self.plan.matrices:
            self._add_to_matrix(grad, each, kept, begin, end)
        for vector in vectors:
            found = kept[:, : end - begin, :, vector.at : vector.at + vector.width].sum((1, 2))
            grad[vector.weight][:, vector.offset : vector.offset + vector.width] += found

    def _add_to_matrix(self, grad: Weights, each: MatrixGradient, kept: Tensor, begin: int, end: int) -> None:
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


def _products(program: Program) -> list[Product]:
    return [product for phase in program.phases for product in phase.products]
