"""The network: stacked recurrent layers and a linear readout, for K members of one architecture at once.

All weights of a member lie in one row of `Network.flat`, shape (K, P). The weights of the formulas are
views into it, each with a leading dimension K. Per-member clipping, optimising and stopping are then
operations on rows, and nothing can mix members.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from itertools import pairwise

import numpy as np
import torch
from torch import Tensor

from harness.cells.base import Named, State, Weights
from harness.engine.dropout import Masks
from harness.engine.scan.choice import scanner
from harness.engine.scan.compiled import Kernel
from harness.engine.scan.interface import (
    BackwardPass,
    Buffers,
    GradFromAbove,
    StepGradients,
    Trace,
    check_tokens,
    is_tokens,
)
from harness.engine.threads import torch_on_one_thread
from harness.engine.truncation import Stretch, Truncation
from harness.engine.weights import (
    Architecture,
    MemberInit,
    WeightsInUse,
    initial_row,
    largest_singular_value,
    layers,
    spectral_radius,
    views,
)  # fmt: skip

LayerSteps = dict[int, StepGradients]
"""The per-step gradients of some layers (1-based)."""


LayerStates = list[State]
"""The states of all layers at one step, bottom to top; every part (K, B, width)."""


class Network:
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
        self._grad: tuple[Tensor, dict[str, Tensor], list[Weights]] | None = None
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
    ) -> Network:
        """New members, each drawn from its own seed: the same alone or packed."""
        rows = np.stack([initial_row(shape, member) for member in members])
        return cls(shape, torch.from_numpy(rows).to(device=device, dtype=dtype), compiled, recompute)

    def to(self, dtype: torch.dtype) -> Network:
        """A copy in another precision."""
        return Network(self.shape, self.flat.to(dtype, copy=True), self.compiled, self.recompute)

    def only(self, members: Sequence[int]) -> Network:
        """A copy of some members."""
        return Network(self.shape, self.flat[list(members)], self.compiled, self.recompute)

    @property
    def trained(self) -> Tensor:
        """Which of a member's weights learn, (P,)."""
        found = torch.ones_like(self.flat[:1], dtype=torch.bool)
        for name in self._fixed:
            views(self.shape, found)[name].fill_(False)
        return found[0]

    def with_weights(self, flat: Tensor, recompute: bool | None = None) -> Network:
        """Networks of the same architecture with these weights (K, P), which are not copied.

        Args:
            recompute: None: as this network does.
        """
        return Network(self.shape, flat, self.compiled, self.recompute if recompute is None else recompute)

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
        before, pieces = {0: start}, []
        for begin, end in pairwise(bounds):
            own = masks and masks.between(begin, end)
            traces = self.forward(inputs[:, begin:end], before[begin], own, lengths_between(lengths, begin, end))
            rows = [step - begin - 1 for step in steps if begin < step <= end]
            pieces.append(at_steps(traces[-1].outputs, rows).transpose(1, 2))
            if end < bounds[-1]:
                before[end] = self.final(traces)
                pieces[-1] = pieces[-1].clone()
        return pieces[0] if len(pieces) == 1 else torch.cat(pieces, dim=2), before, traces

    def spans(self, length: int) -> list[tuple[int, int]]:
        """The pieces that a sequence is run in: steps begin + 1 … end of each."""
        step = math.isqrt(length - 1) + 1 if self.recompute else length
        return [(begin, min(begin + step, length)) for begin in range(0, length, step)]

    def readout(self, hidden: Tensor) -> Tensor:
        """Outputs (K, B, S, output_size) of what the top layer gives (K, B, S, ·)."""
        weight, bias = self.weights["readout.weight"], self.weights["readout.bias"]
        outputs = self.scanners[-1].product(hidden.flatten(1, 2), weight).add_(bias[:, None])
        return outputs.view(*hidden.shape[:3], -1)

    def backward(
        self,
        traces: Sequence[Trace],
        above: GradFromAbove,
        carry: LayerStates,
        grad: Sequence[Weights],
        keep: LayerSteps | None = None,
        need_input_grad: bool = False,
        masks: Masks | None = None,
    ) -> Tensor | None:
        """Carry the gradient back through all layers. Uses up their traces.

        Args:
            above: what the readout sends into the outputs of the top layer.
            carry: for each layer dL/ds_T through steps after these; becomes dL/ds_0, in place.
            grad: for each layer tensors like its weights in use, which their gradients are added to.
            keep: where to write the per-step gradients, for the layers that are in it.
            masks: those of the forward pass.

        Returns:
            dL/dx, shape (K, T, B, input_size), if asked for.
        """
        below: Tensor | None = None
        for layer in range(self.shape.num_layers, 0, -1):
            given = BackwardPass(
                self.layer(layer),
                above,
                carry[layer - 1],
                grad[layer - 1],
                None if keep is None else keep.get(layer),
                need_input_grad=layer > 1 or need_input_grad,
            )
            below = traces[layer - 1].backward(given)
            if layer > 1:
                assert below is not None
                given_below = below * masks.factors[layer - 2] if masks else below
                above = GradFromAbove(range(1, below.shape[1] + 1), given_below)
        return below

    def gradients(
        self,
        inputs: Tensor,
        scored: Sequence[int],
        loss: Callable[[Tensor], Tensor],
        grad_flat: Tensor,
        keep: LayerSteps | None = None,
        need_input_grad: bool = False,
        start: LayerStates | None = None,
        masks: Masks | None = None,
        cut: Truncation | None = None,
        lengths: Tensor | None = None,
    ) -> tuple[Tensor, Tensor | None]:
        """Losses of all samples, and the gradients of their sum over the batch.

        Args:
            inputs: (K, T, B, input_size), or tokens (K, T, B), int64.
            scored: the S steps (1-based, increasing) that are read out.
            loss: from outputs (K, B, S, output_size) to losses (K, B).
            grad_flat: (K, P), receives the gradients of the weights.
            keep: see `backward`; `step_gradients` makes one.
            start: the states to start from, constants to the gradient; zeros if not given.
            masks: of a dropout between layers.
            cut: how far errors are carried back; None: all the way. It is for training: neither with ``keep`` nor with
                ``need_input_grad``.
            lengths: see `forward`; what is read out after a sample's end must have no part in its loss.

        Returns:
            The losses (K, B), and dL/dx, shape (K, T, B, input_size), if asked for (of tokens: by their one-hot
            vectors).
        """
        length = inputs.shape[1]
        whole = [Stretch(begin, end, begin, False) for begin, end in self.spans(length)]
        way_back = cut.stretches(length, scored) if cut else whole
        # Pieces no longer than a way back that is cut: what they store is forgotten.
        begins = [*range(0, length, cut.k2 if cut else length), *(each.begin for each in way_back)]
        hidden, before, traces = self._hidden(inputs, scored, start, masks, begins, lengths)
        grad_flat.zero_()
        grad, grad_parameters = self._grad_views(grad_flat)
        in_use = self._in_use()
        grad_layers = [used.room(into) for used, into in zip(in_use, grad_parameters, strict=True)]
        losses, grad_hidden = self._readout_gradients(hidden, loss, grad)
        above = GradFromAbove(scored, grad_hidden.transpose(1, 2))
        carry, pieces = self.zero_states(inputs.shape[2]), []
        latest = max(before), length
        for each in reversed(way_back):
            begin, end = each.begin, each.end
            own = masks and masks.between(begin, end)
            if (begin, end) != latest:
                traces = self.forward(inputs[:, begin:end], before[begin], own, lengths_between(lengths, begin, end))
            if each.alone:
                carry = self.zero_states(inputs.shape[2])
            kept = None if keep is None else {layer: steps.between(begin, end) for layer, steps in keep.items()}
            entering = each.entering(above)
            pieces.append(self.backward(traces, entering, carry, grad_layers, kept, need_input_grad, own))
        for used, given, into in zip(in_use, grad_layers, grad_parameters, strict=True):
            used.pass_on(given, into)
        for name in self._fixed:
            grad[name].zero_()
        found = [piece for piece in reversed(pieces) if piece is not None]
        return losses, torch.cat(found, dim=1) if len(found) > 1 else found[0] if found else None

    def to_parameters(self, found: Sequence[Weights]) -> Tensor:
        """The gradients of all parameters, (K, P), given those of each layer's weights in use; 0 for all others."""
        flat = torch.zeros_like(self.flat)
        grad = views(self.shape, flat)
        for used, given, into in zip(self._in_use(), found, layers(self.shape, grad), strict=True):
            if used.made:
                used.pass_on(given, into)
            else:
                for name, value in given.items():
                    into[name].copy_(value)
        for name in self._fixed:
            grad[name].zero_()
        return flat

    def _grad_views(self, grad_flat: Tensor) -> tuple[dict[str, Tensor], list[Weights]]:
        """The views into a gradient, all by name and each layer's; made once while a training keeps to one tensor."""
        if self._grad is None or self._grad[0] is not grad_flat:
            found = views(self.shape, grad_flat)
            self._grad = grad_flat, found, layers(self.shape, found)
            return found, self._grad[2]
        return self._grad[1:]

    def _readout_gradients(
        self, hidden: Tensor, loss: Callable[[Tensor], Tensor], grad: dict[str, Tensor]
    ) -> tuple[Tensor, Tensor]:
        """Losses (K, B) and dL/dh at the scored steps (K, B, S, H); writes the gradients of the readout."""
        outputs = self.readout(hidden).requires_grad_()
        with torch.enable_grad():
            losses = loss(outputs)
            (given,) = torch.autograd.grad(losses.sum(), outputs)
        # y = h W + b: autograd's derivative of a product is two products, and is slow to find them.
        product, given, read = self.scanners[-1].product, given.flatten(1, 2), hidden.flatten(1, 2)
        grad["readout.weight"].copy_(product(read.mT, given))
        # A product and no sum of torch's: that may take another order alone than packed.
        grad["readout.bias"].copy_(product(given.new_ones(len(given), 1, given.shape[1]), given)[:, 0])
        grad_hidden = product(given, self.weights["readout.weight"].mT)
        return losses.detach(), grad_hidden.view(hidden.shape)

    def step_gradients(self, inputs: Tensor, totals: bool = False) -> LayerSteps:
        """Room for the per-step gradients of all layers on these inputs; with ``totals`` not only for their norms."""
        place, widths = inputs.shape[:3], self.shape.cell.widths(self.shape.hidden_size)
        return {
            layer: StepGradients(
                Named({part: self.flat.new_empty(place, dtype=torch.float64) for part in widths}),
                Named({part: self.flat.new_empty(*place, width) for part, width in widths.items()} if totals else {}),
            )
            for layer in range(1, self.shape.num_layers + 1)
        }

    def spectral_radius(self) -> list[float]:
        """See `harness.engine.weights.spectral_radius`."""
        return spectral_radius(self.shape, self._in_use())

    def rate_bound(self) -> Tensor:
        """ln(‖W‖ γ) of each member, (K,): no gradient grows faster per step back in the top layer (`Theory.steepest`).

        NaN where that is not known of the cell.

        Source: Pascanu, Mikolov, Bengio, "On the difficulty of training recurrent neural networks", ICML 2013.
        """
        theory = self.shape.cell.theory() if self.shape.block == "plain" else None
        if theory is None or theory.steepest is None:
            return self.flat.new_full((len(self.flat),), torch.nan)
        return (theory.steepest * largest_singular_value(self.shape, self._in_use())).log()


def lengths_between(lengths: Tensor | None, begin: int, end: int) -> Tensor | None:
    """How many of the steps begin + 1 … end each sample has, of lengths (K, B)."""
    return None if lengths is None else (lengths - begin).clamp(0, end - begin)


def at_steps(values: Tensor, rows: Sequence[int]) -> Tensor:
    """Some rows (increasing) of the second dimension: (K, S, …) from (K, T, …); a view where they are adjacent."""
    if rows and rows[-1] - rows[0] == len(rows) - 1:
        return values[:, rows[0] : rows[-1] + 1]
    return values[:, list(rows)]
