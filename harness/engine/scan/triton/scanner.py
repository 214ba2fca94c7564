"""The scan as Triton kernels: a block carries 16 samples of one member through all steps, nothing waits for another.

States and what arrives at them stay on the chip, weights are read once. What goes into the weights' gradients is
written to memory, a span of steps at a time, and multiplied by torch.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import torch
from torch import Tensor

from harness.cells.base import State, Weights
from harness.engine.scan.compiler import CannotCompile, warn_once
from harness.engine.scan.graphed import GraphedScanner
from harness.engine.scan.interface import BackwardPass, Buffers, TorchProduct, Trace, is_tokens, places_of
from harness.engine.scan.plan import Plan
from harness.engine.scan.stepwise import StepwiseTrace
from harness.engine.scan.triton.kernels import Kernels, kernels
from harness.engine.scan.triton.tiles import SAMPLES

SPAN = 32
"""Steps whose deltas go into the gradients of weight matrices together."""


class TritonScanner(TorchProduct):
    """Runs a cell's programs as Triton kernels.

    Args:
        otherwise: what runs the cell if Triton turns out not to be able to compile it.
    """

    def __init__(self, plan: Plan, dtype: torch.dtype, otherwise: GraphedScanner):
        self.plan, self.dtype, self.otherwise = plan, dtype, otherwise
        self.refused = False

    def forward(
        self, weights: Weights, inputs: Tensor, start: State, buffers: Buffers, lengths: Tensor | None = None
    ) -> Trace:
        """See `harness.engine.scan.interface.Scanner.forward`."""
        if not self.refused:
            rows = inputs if inputs[0].is_contiguous() else inputs.contiguous()
            ends = None if lengths is None else lengths.contiguous()
            trace = self.otherwise.plain.begin(weights, rows, start, buffers, ends)
            try:
                made = kernels(self.plan, self.dtype)
                made.launch("forward", _blocks(trace), {**_arguments(trace), "output": trace.seen})
                return TritonTrace(trace, made, buffers, self)
            except CannotCompile as problem:
                self.refuse(problem)
        return self.otherwise.forward(weights, inputs, start, buffers, lengths)

    def refuse(self, problem: CannotCompile) -> None:
        """Run without from now on."""
        self.refused = True
        warn_once(f"no Triton kernels, a GPU is several times slower ({problem})")


@dataclass(frozen=True)
class TritonTrace:
    """What a forward scan by a kernel leaves: the same as that of the stepwise scan, and where."""

    plain: StepwiseTrace
    kernels: Kernels
    buffers: Buffers
    scanner: TritonScanner

    @property
    def states(self) -> State:
        """See `harness.engine.scan.interface.Trace.states`."""
        return self.plain.states

    @property
    def outputs(self) -> Tensor:
        """See `harness.engine.scan.interface.Trace.outputs`."""
        return self.plain.outputs

    def backward(self, given: BackwardPass) -> Tensor | None:
        """See `harness.engine.scan.interface.Trace.backward`."""
        if self.scanner.refused:
            return self.plain.backward(given)
        trace, plan = self.plain, self.plain.plan
        members, steps, batch = trace.inputs.shape[:3]
        span = min(steps, SPAN)
        kept = self.buffers("kept", (members, span, batch, self.kernels.source.kept))
        size = (members, steps, batch, plan.input_size)
        grad_x = trace.act.new_empty(size) if given.need_input_grad else None
        arguments = _backward_arguments(trace, given, kept, grad_x)
        for begin in range((steps - 1) // span * span, -1, -span):
            end = min(begin + span, steps)
            try:
                self.kernels.launch("backward", _blocks(trace), {**arguments, "begin": begin, "end": end})
            except CannotCompile as problem:
                # Nothing has been done yet: a kernel is compiled before its first block runs.
                self.scanner.refuse(problem)
                return self.plain.backward(given)
            trace.add_to_weights(given.grad, self.kernels.source.vectors, kept, begin, end)
        return grad_x


def _blocks(trace: StepwiseTrace) -> tuple[int, int]:
    members, _, batch = trace.inputs.shape[:3]
    return members, math.ceil(batch / SAMPLES)


def _arguments(trace: StepwiseTrace) -> dict[str, Any]:
    """What both kernels are given."""
    _, steps, batch = trace.inputs.shape[:3]
    x = trace.inputs
    given = {"T": steps, "batch": batch, "x": x, "x_k": x.stride(0), "act": trace.act, "lengths": trace.lengths}
    given |= {"TOKENS": is_tokens(x), "LENGTHS": trace.lengths is not None}
    for place, values in enumerate(trace.states.values()):
        given[f"state_{place}"] = values
    for place, name in enumerate(trace.plan.shapes):
        weight = trace.weights[name]
        given |= {f"weight_{place}": weight, f"weight_{place}_k": weight.stride(0)}
    return given


def _backward_arguments(
    trace: StepwiseTrace, given: BackwardPass, kept: Tensor, grad_x: Tensor | None
) -> dict[str, Any]:
    values = given.above.values
    values = values if values.stride(-1) == 1 else values.contiguous()
    above = dict(zip(("above_k", "above_t", "above_b"), values.stride(), strict=False))
    at = _places(tuple(given.above.steps), trace.inputs.shape[1], values.device)
    norms, totals = ({}, {}) if given.keep is None else (given.keep.norms, given.keep.totals)
    found = _arguments(trace)
    found |= {"kept": kept, "span": kept.shape[1], "grad_x": grad_x, "above": values, "above_at": at, **above}
    for place, part in enumerate(trace.states):
        found |= {f"carry_{place}": given.carry[part], f"norm_{place}": norms.get(part)}
        found[f"total_{place}"] = totals.get(part)
    found["keep_k"] = next(iter(norms.values())).stride(0) if norms else 0
    return {**found, "NEED_X": grad_x is not None, "NORMS": bool(norms), "TOTALS": bool(totals)}


@lru_cache(maxsize=64)
def _places(scored: tuple[int, ...], steps: int, device: torch.device) -> Tensor:
    """`places_of` as a tensor on a device."""
    return torch.tensor(places_of(scored, steps), device=device)
