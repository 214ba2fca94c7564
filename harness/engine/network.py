"""The network with its way back: how losses, the gradients of weights and those of every step come about."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from harness.cells.base import Named, Weights
from harness.engine.dropout import Masks
from harness.engine.forward import ForwardNetwork, LayerStates, lengths_between
from harness.engine.scan.interface import BackwardPass, GradFromAbove, StepGradients, Trace
from harness.engine.truncation import Stretch, Truncation
from harness.engine.weights import largest_singular_value, layers, spectral_radius, views

LayerSteps = dict[int, StepGradients]
"""The per-step gradients of some layers (1-based)."""


class Network(ForwardNetwork):
    """K members of one architecture, run forward and differentiated; see `ForwardNetwork`."""

    _grad: tuple[Tensor, dict[str, Tensor], list[Weights]] | None = None

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
        last: LayerStates | None = None,
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
            last: an empty list, for the states after each sample's last step; they are copies.

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
        if last is not None:
            last.extend(self.final(traces))
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
