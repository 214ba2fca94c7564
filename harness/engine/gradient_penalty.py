"""The penalty on steps that shorten or lengthen the gradient: the setting `train.gradient_penalty`.

    Ω = mean over steps t and samples of ( ‖δ_t · ∂s_t/∂s_{t-1}‖ / ‖δ_t‖ - 1 )²,   δ_t = ∂E/∂s_t,   summed over layers

s is the state of a layer, all its parts joined; δ_t counts every later step, and what is read out at t. Only the
*immediate* derivative of Ω is taken: δ_t, s_{t-1} and the inputs of the step are constants, and of the weights only the
recurrent ones move (those that `Cell.parameters` calls so). So a step is pushed to keep the length of the very
gradient that passes through it, in no other direction than the one that it has.

Source: Pascanu, Mikolov, Bengio, "On the difficulty of training recurrent neural networks", ICML 2013;
https://github.com/pascanur/trainingRNNs. Differences: the mean over steps, as in that code, where the paper has the
sum; the ratio of norms, as in the paper, where that code has the ratio of their squares. The paper's state is what
enters the nonlinearity, so that the derivative of the nonlinearity is a constant there; here the state is the cell's,
and the step is differentiated as a whole.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from harness.base.sending import indices
from harness.cells.base import Named, State, Weights, as_in_a_step
from harness.engine.dropout import Masks
from harness.engine.forward import LayerStates, lengths_between
from harness.engine.network import LayerSteps, Network
from harness.engine.scan.interface import is_tokens, norm, one_hot
from harness.engine.weights import views

ROOM = 1 << 18
"""Numbers of a member's states that are gone through at once: what a step makes on the way is a multiple of it."""


def gradient_penalty(
    network: Network,
    inputs: Tensor,
    totals: LayerSteps,
    members: Sequence[int],
    start: LayerStates | None = None,
    masks: Masks | None = None,
    lengths: Tensor | None = None,
) -> tuple[Tensor, Tensor]:
    """Ω of some members and its immediate gradient; 0 for the others.

    Every member is gone through by itself: torch's products may round otherwise in company.

    Args:
        inputs: (K, T, B, input_size), or tokens (K, T, B).
        totals: what `Network.gradients` kept of E on these inputs, with `Network.step_gradients`'s ``totals``; of any
            scale. A step at which δ is 0, too small for a normal number, or not finite does not count.
        members: rows of the network.
        start: the states that were started from.
        masks: of the dropout between layers with which E was computed.
        lengths: the step at which each sample ends, (K, B); None: all have T steps.

    Returns:
        (K,), and (K, P).
    """
    layers = [[_Mean(network, layer, member) for member in members] for layer in range(1, network.shape.num_layers + 1)]
    spans = network.spans(inputs.shape[1])
    for begin, end in spans:
        entering = inputs[:, begin:end]
        own = masks and masks.between(begin, end)
        traces = network.forward(entering, start, own, lengths_between(lengths, begin, end))
        for layer, (trace, means) in enumerate(zip(traces, layers, strict=True), 1):
            if own and layer > 1:
                entering = entering * own.factors[layer - 2]
            kept = totals[layer].between(begin, end).totals
            for mean, k in zip(means, members, strict=True):
                states, total = (Named({p: v[k : k + 1] for p, v in each.items()}) for each in (trace.states, kept))
                mean.add(entering[k : k + 1], states, total)
            entering = trace.outputs
        start = network.final(traces)
    omega, rows = network.flat.new_zeros(len(network.flat)), indices(members, network.flat.device)
    for means in layers:
        omega[rows] += torch.stack([mean.value for mean in means])
    found = [_together(network, layer, members, means) for layer, means in enumerate(layers, 1)]
    grad = network.to_parameters(found)
    for name, parameter in network.shape.parameters().items():
        if parameter.kind != "recurrent":
            views(network.shape, grad)[name].zero_()
    return omega, grad


def _together(network: Network, layer: int, members: Sequence[int], means: Sequence[_Mean]) -> Weights:
    """The gradients of a layer's weights in use, of all members."""
    found: Weights = Named({name: torch.zeros_like(value) for name, value in network.layer(layer).items()})
    for k, mean in zip(members, means, strict=True):
        for name, value in mean.gradient.items():
            found[name][k] = value[0]
    return found


class _Mean:
    """Ω of one layer of one member, over the steps that have been added so far."""

    def __init__(self, network: Network, layer: int, member: int):
        self._cell = network.cells[layer - 1]
        self._input_size = network.shape.layer_input_size(layer)
        self._weights = Named({name: v[member : member + 1].clone() for name, v in network.layer(layer).items()})
        self._sum, self._count = network.flat.new_zeros(()), network.flat.new_zeros(())
        self._grad = Named({name: torch.zeros_like(value) for name, value in self._weights.items()})

    @property
    def value(self) -> Tensor:
        return self._sum / self._count.clamp(min=1)

    @property
    def gradient(self) -> Weights:
        """By the weights in use, (1, …) each."""
        return Named({name: value / self._count.clamp(min=1) for name, value in self._grad.items()})

    def add(self, entering: Tensor, states: State, totals: State) -> None:
        """Add S steps: what enters them (1, S, B, ·), the states around them (1, S + 1, B, ·), δ (1, S, B, ·)."""
        steps, batch = entering.shape[1:3]
        at_once = max(1, ROOM // (batch * sum(value.shape[-1] for value in states.values())))
        for begin in range(0, steps, at_once):
            span = slice(begin, min(begin + at_once, steps))
            x = entering[:, span].flatten(1, 2)
            if is_tokens(x):
                x = one_hot(x, self._input_size, self._sum.dtype)
            before: State = Named({part: value[:, span].flatten(1, 2) for part, value in states.items()})
            self._add(x, before, Named({part: value[:, span].flatten(1, 2) for part, value in totals.items()}))

    def _add(self, x: Tensor, before: State, totals: State) -> None:
        with torch.enable_grad():
            leaves = Named({name: value.detach().requires_grad_() for name, value in self._weights.items()})
            old = [value.detach().requires_grad_() for value in before.values()]
            made = self._cell.step(as_in_a_step(leaves), x, Named(zip(before, old, strict=True)))
            unit, counts = _directions(made, totals)
            parts = [part for part in before if made[part].requires_grad]
            back = torch.autograd.grad(
                [made[part] for part in parts], old, [unit[part] for part in parts],
                create_graph=True, materialize_grads=True,
            )  # fmt: skip
            ratio = torch.linalg.vector_norm(torch.cat(back, dim=-1), dim=-1)
            omega = ((ratio - 1).square() * counts).sum()
            grads = torch.autograd.grad(omega, list(leaves.values()), materialize_grads=True)
        self._sum += omega.detach()
        self._count += counts.sum()
        for name, value in zip(leaves, grads, strict=True):
            self._grad[name] += value


def _directions(made: State | dict[str, Tensor], totals: State) -> tuple[State, Tensor]:
    """δ at length 1, by part, each (1, N, width); and whether it counts, (1, N), 1 or 0.

    The engine's total derivative of a part includes the way through other parts of the same step (an LSTM's c by its
    h). As the derivative by the joined state each part stands for itself: these ways are taken out again.
    """
    delta = dict(totals)
    live = [part for part in totals if made[part].requires_grad]
    # A part that no other is made of is right from the start; with each round, so are those that only make such.
    for _ in live[1:]:
        through = torch.autograd.grad(
            [made[part] for part in live], [made[part] for part in live], [delta[part] for part in live],
            retain_graph=True,
        )  # fmt: skip
        delta |= {part: delta[part] + totals[part] - all_ways for part, all_ways in zip(live, through, strict=True)}
    dtype = next(iter(delta.values())).dtype
    length = norm(torch.cat(list(delta.values()), dim=-1))
    counts = (length >= torch.finfo(dtype).tiny) & length.isfinite()
    unit = {
        part: torch.where(counts[..., None], value.double() / length[..., None], 0).to(dtype)
        for part, value in delta.items()
    }
    return Named(unit), counts.to(dtype)
