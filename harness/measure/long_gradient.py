"""Norms of an answer's gradient however far back and however small: every number carries an exponent of its own.

The gradient goes back in spans of about √T steps, as with `recompute`: only the states between spans are kept. At
the end of a span it is brought back to about 1 by a power of two, which is exact, and the power is written down. Where
numbers grow or shrink too much within a span, it is done again in halves, down to single steps.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from harness.cells.base import Named, State, Weights
from harness.engine.forward import LayerStates, at_steps, lengths_between
from harness.engine.network import Network
from harness.engine.scan.interface import BackwardPass, GradFromAbove, Trace
from harness.engine.spans import pieces, root_span
from harness.measure.backwards import into_hidden
from harness.tasks.data import Data

SAFE = 1e200
"""A span in which norms are between 1 / SAFE and SAFE has lost nothing: doubles reach to 1e308."""


@dataclass(frozen=True)
class Span:
    """What the gradient was at some steps.

    Attributes:
        begin, end: it is of the steps begin + 1 … end.
        log10: of each layer and part the logarithms of the norms of d l / d s_t, (K, steps, B); -inf for exactly zero.
            A part is exact as long as it is more than 1e-100 of the largest of its layer.
    """

    begin: int
    end: int
    log10: list[State]


@dataclass(frozen=True)
class Scaled:
    """Numbers with a power of two for every sample: value · 2^exponent.

    Attributes:
        values: (K, B, ·), or (K, S, B, ·), each.
        exponent: (K, B); `NONE` where all values of a sample are zero.
    """

    values: State
    exponent: Tensor

    def at(self, exponent: Tensor) -> State:
        """The values as multiples of 2^exponent, which is larger: what is then no number any more is too small to
        matter."""
        power = self.exponent - exponent
        return Named({name: _times_two_to(each, power) for name, each in self.values.items()})

    def normal(self) -> Scaled:
        """The same with the largest value of every sample between a half and 1."""
        largest = torch.stack([_by_sample(each).amax(dim=-1) for each in self.values.values()]).amax(dim=0)
        own = torch.frexp(largest).exponent.where(largest.isfinite(), 0).long()
        values = {name: _times_two_to(each, -own) for name, each in self.values.items()}
        return Scaled(Named(values), (self.exponent + own).where(largest != 0, NONE))


NONE = -(1 << 40)
"""The exponent of zero: smaller than any."""


def spans_back(
    network: Network, data: Data, loss: Callable[[Tensor], Tensor], start: LayerStates | None
) -> Iterator[Span]:
    """Carry the gradient of a loss back over all steps, from the last one.

    Args:
        network, data, start: in double precision.
    """
    length = data.inputs.shape[1]
    spans = pieces(length, root_span(length))
    before, hidden = [network.zero_states(data.inputs.shape[2]) if start is None else start], []
    for begin, end in spans:
        ends = lengths_between(data.lengths, begin, end)
        traces = network.forward(data.inputs[:, begin:end], before[-1], lengths=ends)
        rows = [step - begin - 1 for step in data.scored if begin < step <= end]
        hidden.append(at_steps(traces[-1].outputs, rows).clone())
        before.append(network.final(traces))
    way = _WayBack(network, data, into_hidden(network, loss, torch.cat(hidden, dim=1)))
    for (begin, end), state in zip(reversed(spans), reversed(before[:-1]), strict=True):
        yield from way.back(begin, end, state)


class _WayBack:
    """Where the gradient is on its way back.

    Args:
        given: what the readout sends into the top layer at the scored steps, (K, S, B, ·).
    """

    def __init__(self, network: Network, data: Data, given: Tensor):
        self.network, self.inputs, self.lengths = network, data.inputs, data.lengths
        self.above = GradFromAbove(data.scored, given)
        nothing = torch.full(given.shape[::2][:2], NONE, device=given.device)
        self.carry = [Scaled(state, nothing) for state in network.zero_states(data.inputs.shape[2])]

    def back(self, begin: int, end: int, state: LayerStates) -> Iterator[Span]:
        """Go back over steps begin + 1 … end, from the states before them; in halves where it must be."""
        traces = self._run(begin, end, state)
        if found := self._over(begin, end, traces):
            yield found
            return
        middle = (begin + end + 1) // 2
        halfway = self.network.final(self._run(begin, middle, state))
        yield from self.back(middle, end, halfway)
        yield from self.back(begin, middle, state)

    def _run(self, begin: int, end: int, state: LayerStates) -> list[Trace]:
        ends = lengths_between(self.lengths, begin, end)
        return self.network.forward(self.inputs[:, begin:end], state, lengths=ends)

    def _over(self, begin: int, end: int, traces: Sequence[Trace]) -> Span | None:
        """Go back at once; None where numbers came too near to the limits of doubles, and nothing has changed then."""
        network, steps = self.network, self.network.step_gradients(self.inputs[:, begin:end])
        above = self.above.between(begin, end)
        entering = Scaled(Named(given=above.values), torch.zeros_like(self.carry[0].exponent)).normal()
        scored, carry = above.steps, list(self.carry)
        log10: list[State] = []
        for layer in range(network.shape.num_layers, 0, -1):
            exponent = torch.maximum(carry[layer - 1].exponent, entering.exponent)
            exponent = exponent.where(exponent > NONE // 2, 0)
            arriving, given = carry[layer - 1].at(exponent), entering.at(exponent)["given"]
            came = torch.stack([_by_sample(each).amax(dim=-1) for each in (*arriving.values(), given)]).amax(dim=0)
            weights = network.layer(layer)
            unused: Weights = Named({name: torch.zeros_like(value) for name, value in weights.items()})
            asked = BackwardPass(
                weights, GradFromAbove(scored, given), arriving, unused, steps[layer], need_input_grad=layer > 1
            )
            below = traces[layer - 1].backward(asked)
            norms = steps[layer].norms
            if end - begin > 1 and _near_the_limits(torch.stack([*norms.values()]).amax(dim=0), came):
                return None
            shift = exponent[:, None].double() * math.log10(2)
            log10.insert(0, Named({part: each.log10() + shift for part, each in norms.items()}))
            carry[layer - 1] = Scaled(arriving, exponent).normal()
            if below is not None:
                entering, scored = Scaled(Named(given=below), exponent).normal(), range(1, end - begin + 1)
        self.carry = carry
        return Span(begin, end, log10)


def _near_the_limits(norms: Tensor, came: Tensor) -> bool:
    """Whether numbers got lost, or could have been: norms (K, steps, B) too large, or too small after a step with more.

    Args:
        came: the largest number that came in, (K, B); what came in infinite or as no number stays so.
    """
    later = torch.cat([norms[:, 1:], came[:, None]], dim=1)
    lost = ((norms < 1 / SAFE) & (later > 0)) | ~(norms <= SAFE)
    return bool((lost & came.isfinite()[:, None]).any())


def _by_sample(values: Tensor) -> Tensor:
    """|values| (K, B, ·) or (K, S, B, ·) as (K, B, ·), and a zero: there may be none."""
    flat = values if values.ndim == 3 else values.transpose(1, 2).flatten(2)
    return torch.nn.functional.pad(flat.abs(), (0, 1))


def _times_two_to(values: Tensor, exponent: Tensor) -> Tensor:
    """Values (K, B, ·) or (K, S, B, ·) times 2^exponent, exponents (K, B)."""
    exponent = exponent.clamp(-4000, 4000).to(values.dtype)[..., None]  # 2 to a whole number would be single
    own = exponent if values.ndim == 3 else exponent[:, None]
    # 2^exponent may be no number where the product is one.
    for _ in range(4):
        part = own.clamp(-1000, 1000)
        values, own = torch.ldexp(values, part), own - part
    return values
