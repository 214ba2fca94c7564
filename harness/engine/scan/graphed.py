"""The stepwise scan as CUDA graphs: on a GPU, launching thousands of small operations takes longer than they do.

A graph replays the launches of one call on the same addresses. So what changes from call to call is copied into
tensors that stay, and a call is captured when it comes a second time: the first one runs as it is, which also warms
everything up. What cannot be captured goes on running as it is.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar

import torch
from torch import Tensor

from harness.cells.base import Named, State, Weights
from harness.engine.scan.interface import BackwardPass, Buffers, GradFromAbove, TorchProduct
from harness.engine.scan.stepwise import StepwiseScanner, StepwiseTrace

log = logging.getLogger(__name__)

Result = TypeVar("Result")

INPUTS, LENGTHS = "", "lengths of samples"
"""Names of what a call is given besides the parts of a state."""


def cuda_graph(call: Callable[[], Result], device: torch.device) -> Callable[[], Result]:
    """Capture a call without running it.

    Returns:
        Its replay, which gives the same tensors every time, filled anew.
    """
    graph = torch.cuda.CUDAGraph()
    # A stream of its own: the one that torch keeps for captures belongs to the device that was captured on first.
    with torch.cuda.device(device), torch.cuda.graph(graph, stream=torch.cuda.Stream(device)):
        result = call()

    def replay() -> Result:
        graph.replay()
        return result

    return replay


MOST_CAPTURED = 128
"""Most calls that are captured: of a training on hundreds of lengths, graphs of all would fill the memory."""


@dataclass
class _Captured:
    """A call that can be replayed on the tensors that are its inputs."""

    inputs: dict[str, Tensor]
    replay: Callable[[], Any]


@dataclass
class Graphs:
    """Calls by what they are: seen once, captured, or found to be none that can be."""

    capture: Callable[[Callable[[], Any], torch.device], Callable[[], Any]] = cuda_graph
    _calls: dict[Any, _Captured | None] = field(default_factory=dict)
    _refused: set[Any] = field(default_factory=set)

    def __call__(self, key: Any, inputs: dict[str, Tensor], call: Callable[[dict[str, Tensor]], Result]) -> Result:
        """What ``call(inputs)`` gives; ``key`` names everything beside the values of the inputs that it depends on."""
        key = (key, tuple((name, value.shape) for name, value in inputs.items()))
        if key not in self._calls or key in self._refused:
            self._calls[key] = None
            return call(inputs)
        captured = self._calls[key] or (self._captured(key, inputs, call) if self._has_room else None)
        if captured is None:
            return call(inputs)
        for name, value in inputs.items():
            captured.inputs[name].copy_(value)
        made: Result = captured.replay()
        return made

    @property
    def _has_room(self) -> bool:
        return sum(each is not None for each in self._calls.values()) < MOST_CAPTURED

    def _captured(
        self, key: Any, inputs: dict[str, Tensor], call: Callable[[dict[str, Tensor]], Result]
    ) -> _Captured | None:
        kept = {name: value.clone(memory_format=torch.contiguous_format) for name, value in inputs.items()}
        device = next(iter(kept.values())).device
        try:
            captured = _Captured(kept, self.capture(lambda: call(kept), device))
        except RuntimeError as problem:
            log.info("a scan cannot be captured as a CUDA graph, and runs without: %s", str(problem).splitlines()[0])
            self._refused.add(key)
            return None
        self._calls[key] = captured
        return captured


class GraphedScanner(TorchProduct):
    """Runs a cell step by step, in graphs where the same call comes again."""

    def __init__(self, plain: StepwiseScanner, graphs: Graphs | None = None):
        self.plain = plain
        self.graphs = graphs or Graphs()

    def forward(
        self, weights: Weights, inputs: Tensor, start: State, buffers: Buffers, lengths: Tensor | None = None
    ) -> GraphedTrace:
        """See `harness.engine.scan.interface.Scanner.forward`."""
        addresses = tuple(value.data_ptr() for value in weights.values())

        def call(given: dict[str, Tensor]) -> StepwiseTrace:
            first = Named({part: given[part] for part in start})
            return self.plain.forward(weights, given[INPUTS], first, buffers, given.get(LENGTHS))

        ends = {} if lengths is None else {LENGTHS: lengths}
        trace = self.graphs(("forward", addresses), {INPUTS: inputs, **ends, **start}, call)
        return GraphedTrace(trace, self.graphs)


@dataclass(frozen=True)
class GraphedTrace:
    """A trace whose backward pass is a graph, too."""

    plain: StepwiseTrace
    graphs: Graphs

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

        def call(tensors: dict[str, Tensor]) -> tuple[Tensor | None, State]:
            carry: State = Named({part: tensors[part].clone() for part in given.carry})
            above = GradFromAbove(given.above.steps, tensors[INPUTS])
            return self.plain.backward(replace(given, above=above, carry=carry)), carry

        # Everything that the call reads besides its inputs: where the forward scan has left what, and how much of it;
        # and where it writes.
        kept = [self.plain.act, self.plain.inputs, *self.plain.states.values(), *given.weights.values()]
        kept += [] if self.plain.lengths is None else [self.plain.lengths]
        kept += given.grad.values()
        if given.keep is not None:
            kept += [*given.keep.norms.values(), *given.keep.totals.values()]
        addresses = [(value.data_ptr(), value.shape, value.stride()) for value in kept]
        key = ("backward", *addresses, *given.above.steps, given.need_input_grad, given.keep is None)
        grad_x, carried = self.graphs(key, {INPUTS: given.above.values, **given.carry}, call)
        for part, value in carried.items():
            given.carry[part].copy_(value)
        # A replay writes into the same tensor every time.
        return None if grad_x is None else grad_x.clone()
