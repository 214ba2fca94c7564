"""The gradient of each sample's answer on its way back, one step at a time, counted from the sample's own answer."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from harness.cells.base import Named, State, Weights, as_in_a_step
from harness.engine.forward import LayerStates
from harness.engine.network import Network
from harness.engine.scan.interface import GradFromAbove
from harness.measure.moment import Moment, rows_at
from harness.tasks.data import Data


@dataclass(frozen=True)
class StepBack:
    """What one step has done to the gradient. Sums are over the batch; of the samples that have such a step.

    Attributes:
        lag: steps between this one and each sample's answer.
        known: which samples have it, (K, B).
        before: of each layer, the derivative by the state before the step, through this step and those after it.
        grad: of each layer, what the step contributes to the gradient of its weights in use.
    """

    lag: int
    known: Tensor
    before: LayerStates
    grad: list[Weights]


def back_from_answers(moment: Moment, rescaled: bool = False) -> Iterator[StepBack]:
    """Carry the gradient of each sample's last judged output back, until no sample has a step left.

    Each step is run by the engine, as a sequence of length one, from the state that it had in the whole sequence.

    Args:
        rescaled: multiply every sample's gradient by a power of two of its own now and then, so that it neither
            vanishes nor overflows; then only its direction means anything, and sums over samples do not.
    """
    network, answer = moment.network, moment.answer
    inputs = moment.data.inputs
    carry = network.zero_states(inputs.shape[2])
    entering = into_top(network, moment.data, moment.data.answer_loss, moment.outputs(network.shape.num_layers))
    for lag in range(int(answer.max())):
        step = answer - lag
        known, row = step > 0, (step - 1).clamp(min=0)[:, None]
        states: LayerStates = [
            Named({part: rows_at(values, row)[:, 0] for part, values in layer.items()}) for layer in moment.states
        ]
        above = rows_at(entering, row) if lag == 0 else torch.zeros_like(entering[:, :1])
        carry = [_of(known, layer) for layer in carry]
        grad = [
            Named({name: torch.zeros_like(value) for name, value in network.layer(layer).items()})
            for layer in range(1, network.shape.num_layers + 1)
        ]
        traces = network.forward(rows_at(inputs, row), states)
        network.backward(traces, GradFromAbove([1], above.where(known[:, None, :, None], 0)), carry, grad)
        if rescaled:
            carry = _rescaled(carry)
        yield StepBack(lag, known, carry, grad)


def into_top(network: Network, data: Data, loss: Callable[[Tensor], Tensor], outputs: Tensor) -> Tensor:
    """What the readout sends into the top layer's outputs at every step, (K, T, B, ·): the derivative of the sum.

    Args:
        outputs: of the top layer, (K, T, B, ·).
    """
    rows, found = [step - 1 for step in data.scored], torch.zeros_like(outputs)
    found[:, rows] = into_hidden(network, loss, outputs[:, rows])
    return found


def into_hidden(network: Network, loss: Callable[[Tensor], Tensor], hidden: Tensor) -> Tensor:
    """What the readout sends into the top layer's outputs at the scored steps, (K, S, B, ·), given these outputs."""
    with torch.enable_grad():
        read = hidden.transpose(1, 2).detach().requires_grad_()
        (given,) = torch.autograd.grad(loss(read_out(network.weights, read)).sum(), read)
    return given.transpose(1, 2)


def read_out(weights: Mapping[str, Tensor], hidden: Tensor) -> Tensor:
    """`harness.engine.network.Network.readout` as autograd knows it: outputs (K, B, S, ·) of (K, B, S, ·)."""
    outputs = hidden.flatten(1, 2) @ weights["readout.weight"] + weights["readout.bias"][:, None]
    return outputs.view(*hidden.shape[:3], -1)


def at_answers(moment: Moment) -> LayerStates:
    """Of each layer, the derivative of the answer's loss by the state at the answer itself, where nothing follows.

    By the state as the next step would read it: what one part does to another within the step is not in it.
    """
    network, row = moment.network, (moment.answer - 1)[:, None]
    entering = into_top(network, moment.data, moment.data.answer_loss, moment.outputs(network.shape.num_layers))
    below, after = rows_at(moment.inputs(1), row)[:, 0], []
    with torch.enable_grad():
        for layer, cell in enumerate(network.cells, start=1):
            weights, states = as_in_a_step(network.layer(layer)), moment.states[layer - 1]
            before: State = Named({part: rows_at(values, row)[:, 0] for part, values in states.items()})
            made = cell.step(weights, below, before)
            after.append(Named({part: _known_to_autograd(value) for part, value in made.items()}))
            below = cell.output(weights, below, after[-1])
    flat = [value for layer in after for value in layer.values()]
    given = iter(torch.autograd.grad(below, flat, rows_at(entering, row)[:, 0], materialize_grads=True))
    return [Named({part: next(given) for part in layer}) for layer in after]


def _known_to_autograd(value: Tensor) -> Tensor:
    """A tensor of its own in the graph: what reaches it is what later steps send."""
    return value.view_as(value) if value.requires_grad else value.detach().requires_grad_()


def _of(known: Tensor, state: State) -> State:
    """A state's parts, with zeros for samples that have no such step."""
    return Named({part: value.where(known[..., None], 0) for part, value in state.items()})


def _rescaled(states: LayerStates) -> LayerStates:
    """Every sample's values, in all layers and parts, times the power of two that brings the largest to about 1."""
    largest = torch.stack([value.abs().amax(dim=-1) for state in states for value in state.values()]).amax(dim=0)
    exponent = torch.frexp(largest).exponent.clamp(-1000, 1000).to(largest.dtype)[..., None]
    return [Named({part: torch.ldexp(value, -exponent) for part, value in state.items()}) for state in states]
