"""The network, run forward: stacked recurrent layers and a linear readout, for K members of one architecture at once.

All weights of a member lie in one row of a tensor `flat`, shape (K, P). The weights of the formulas are views into it,
each with a leading dimension K. Per-member clipping, optimising and stopping are then operations on rows, and nothing
can mix members.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from itertools import pairwise
from typing import Self

import numpy as np
import torch
from torch import Tensor

from harness.base.sending import indices
from harness.cells.base import Named, State, Weights
from harness.engine.dropout import Masks
from harness.engine.scan.choice import scanner
from harness.engine.scan.compiled import Kernel
from harness.engine.scan.interface import Buffers, Trace, check_tokens, is_tokens
from harness.engine.spans import pieces, root_span
from harness.engine.threads import torch_on_one_thread
from harness.engine.weights import Architecture, MemberInit, WeightsInUse, initial_row, layers, views

LayerStates = list[State]
"""The states of all layers at one step, bottom to top; every part (K, B, width)."""


class ForwardNetwork:
    """K members of one architecture.

    Args:
        flat: all weights, shape (K, P); kept, not copied.
        compiled: run the scans as compiled kernels where that is possible.
        recompute: in the backward pass, compute activations again, in spans of about √T steps, instead of keeping them:
            a third more work for memory that grows with √T.
    """

    def __init__(self, shape: Architecture, flat: Tensor, compiled: bool = True, recompute: bool = False):
        self.shape = shape
        self.flat = flat
        self.compiled = compiled
        self.recompute = recompute
        self.weights = views(shape, flat)
        self._layers = layers(shape, self.weights)
        self._fixed = [name for name, parameter in shape.parameters().items() if not parameter.trained]
        self.cells = [shape.layer_cell(layer) for layer in range(1, shape.num_layers + 1)]
        sizes = [shape.layer_input_size(layer) for layer in range(1, shape.num_layers + 1)]
        self.scanners = [
            scanner(cell, size, shape.hidden_size, flat.dtype, flat.device, compiled)
            for cell, size in zip(self.cells, sizes, strict=True)
        ]
        self._used: tuple[int, list[WeightsInUse]] | None = None
        self.buffers = [Buffers(flat) for _ in range(shape.num_layers)]

    @classmethod
    def create(
        cls,
        shape: Architecture,
        members: Sequence[MemberInit],
        dtype: torch.dtype,
        device: str,
        compiled: bool = True,
        recompute: bool = False,
    ) -> Self:
        """New members, each drawn from its own seed: the same alone or packed."""
        rows = np.stack([initial_row(shape, member) for member in members])
        return cls(shape, torch.from_numpy(rows).to(device=device, dtype=dtype), compiled, recompute)

    def to(self, dtype: torch.dtype) -> Self:
        """A copy in another precision."""
        return self.with_weights(self.flat.to(dtype, copy=True))

    def only(self, members: Sequence[int]) -> Self:
        """A copy of some members."""
        return self.with_weights(self.flat[list(members)])

    @property
    def trained(self) -> Tensor:
        """Which of a member's weights learn, (P,)."""
        found = torch.ones_like(self.flat[:1], dtype=torch.bool)
        for name in self._fixed:
            views(self.shape, found)[name].fill_(False)
        return found[0]

    def with_weights(self, flat: Tensor, recompute: bool | None = None) -> Self:
        """Networks of the same architecture with these weights (K, P), which are not copied.

        Args:
            recompute: None: as this network does.
        """
        return type(self)(self.shape, flat, self.compiled, self.recompute if recompute is None else recompute)

    def threads(self) -> AbstractContextManager[None]:
        """A context to train or evaluate in: where kernels run, torch's small operations leave the cores to them."""
        return torch_on_one_thread() if isinstance(self.scanners[0], Kernel) else nullcontext()

    def layer(self, layer: int) -> Weights:
        """The weights in use of a layer (1-based)."""
        return self._in_use()[layer - 1].values

    def _in_use(self) -> list[WeightsInUse]:
        """The weights in use of all layers, computed once while the parameters stay as they are."""
        if self._used is None or self._used[0] != self.flat._version:
            found = [WeightsInUse.of(*each) for each in zip(self.cells, self._layers, strict=True)]
            self._used = self.flat._version, found
        return self._used[1]

    def zero_states(self, batch: int) -> LayerStates:
        """The states before anything is read."""
        widths = self.shape.cell.widths(self.shape.hidden_size)
        return [
            Named({part: self.flat.new_zeros(len(self.flat), batch, width) for part, width in widths.items()})
            for _ in self.buffers
        ]

    def forward(
        self,
        inputs: Tensor,
        start: LayerStates | None = None,
        masks: Masks | None = None,
        lengths: Tensor | None = None,
    ) -> list[Trace]:
        """Run all layers over inputs.

        Args:
            inputs: (K, T, B, input_size), or tokens (K, T, B), int64.
            start: the states to start from; zeros if not given.
            masks: of a dropout between layers.
            lengths: the step at which each sample ends, (K, B), int64; all have T steps if not given.

        Returns:
            The traces of all layers, bottom to top, valid until the next call.

        Raises:
            ValueError: tokens that are none of 0 … input_size - 1 (looked for on CPUs), or of another type.
        """
        if is_tokens(inputs):
            check_tokens(inputs, self.shape.input_size)
        start = self.zero_states(inputs.shape[2]) if start is None else start
        traces: list[Trace] = []
        for scan, weights, buffers, state in zip(self.scanners, self._in_use(), self.buffers, start, strict=True):
            if masks and traces:
                inputs = inputs * masks.factors[len(traces) - 1]
            traces.append(scan.forward(weights.values, inputs, state, buffers, lengths))
            inputs = traces[-1].outputs
        return traces

    @staticmethod
    def final(traces: Sequence[Trace]) -> LayerStates:
        """A copy of the states after each sample's last step: what the next piece of a long sequence starts from."""
        return [Named({part: values[:, -1].clone() for part, values in trace.states.items()}) for trace in traces]

    def outputs(
        self, inputs: Tensor, steps: Sequence[int], start: LayerStates | None = None, lengths: Tensor | None = None
    ) -> Tensor:
        """What the readout says at some steps (1-based, increasing), shape (K, B, S, output_size); see `forward`."""
        hidden = self._hidden(inputs, steps, start, lengths=lengths)[0]
        return self.readout(hidden)

    def _hidden(
        self,
        inputs: Tensor,
        steps: Sequence[int],
        start: LayerStates | None,
        masks: Masks | None = None,
        begins: Sequence[int] = (),
        lengths: Tensor | None = None,
    ) -> tuple[Tensor, dict[int, LayerStates | None], list[Trace]]:
        """The top layer's outputs at some steps (K, B, S, ·), the states before each piece, by its first step (from 0),
        and the traces of the last one.

        In one piece they are no copy: they are valid until the next `forward`.

        Args:
            begins: where else a piece is to begin.
        """
        length = inputs.shape[1]
        bounds = sorted({*(begin for begin, _ in self.spans(length)), *begins, length})
        before, parts = {0: start}, []
        for begin, end in pairwise(bounds):
            own = masks and masks.between(begin, end)
            traces = self.forward(inputs[:, begin:end], before[begin], own, lengths_between(lengths, begin, end))
            rows = [step - begin - 1 for step in steps if begin < step <= end]
            parts.append(at_steps(traces[-1].outputs, rows).transpose(1, 2))
            if end < bounds[-1]:
                before[end] = self.final(traces)
                parts[-1] = parts[-1].clone()
        return parts[0] if len(parts) == 1 else torch.cat(parts, dim=2), before, traces

    def spans(self, length: int) -> list[tuple[int, int]]:
        """The pieces that a sequence is run in: steps begin + 1 … end of each."""
        return pieces(length, root_span(length) if self.recompute else length)

    def readout(self, hidden: Tensor) -> Tensor:
        """Outputs (K, B, S, output_size) of what the top layer gives (K, B, S, ·)."""
        weight, bias = self.weights["readout.weight"], self.weights["readout.bias"]
        outputs = self.scanners[-1].product(hidden.flatten(1, 2), weight).add_(bias[:, None])
        return outputs.view(*hidden.shape[:3], -1)


def lengths_between(lengths: Tensor | None, begin: int, end: int) -> Tensor | None:
    """How many of the steps begin + 1 … end each sample has, of lengths (K, B)."""
    return None if lengths is None else (lengths - begin).clamp(0, end - begin)


def at_steps(values: Tensor, rows: Sequence[int]) -> Tensor:
    """Some rows (increasing) of the second dimension: (K, S, …) from (K, T, …); a view where they are adjacent."""
    if rows and rows[-1] - rows[0] == len(rows) - 1:
        return values[:, rows[0] : rows[-1] + 1]
    return values[:, indices(rows, values.device)]
