"""The scan: one layer of K members run over time, forward, and the gradient carried back.

Shapes: K members, T steps, B samples, H = hidden_size, G = number of gates. Members come first and never
mix: every product is a batched matmul over K, everything else is element by element. Buffers are laid out
(K, T, B, ·), so that one time step is a strided view and the matmuls over all time need no copies.

The carry of the backward scan is dL/ds_t, the per-step gradient that this project is about.

This module runs step by step in torch, on every device and for every cell; `harness.native` does the same in
one compiled call.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

from harness.cells import Cell, HandDerivative, State


@dataclass(frozen=True)
class LayerWeights:
    """Weights of one layer of K members; the same class holds their gradients.

    Attributes:
        input: W_x, shape (K, F, input gates · H).
        recurrent: W_h, shape (K, H, recurrent gates · H); None for a cell without recurrence.
        bias: b, shape (K, G · H); None for a cell without bias.
    """

    input: Tensor
    recurrent: Tensor | None
    bias: Tensor | None


class Buffers:
    """Memory that is kept from step to step: asking the system for it anew costs more than filling it."""

    def __init__(self, like: Tensor):
        self.like = like
        self._kept: dict[str, Tensor] = {}

    def __call__(self, name: str, shape: tuple[int, ...]) -> Tensor:
        """A tensor of this shape with arbitrary content, the same one as long as the shape stays the same."""
        if name not in self._kept or self._kept[name].shape != shape:
            self._kept[name] = self.like.new_empty(shape)
        return self._kept[name]


@dataclass(frozen=True)
class StepGradients:
    """Per-step gradients of one layer, as the backward scan writes them down.

    Attributes:
        norms: for each part the Euclidean norms of the total derivatives dL/ds_t, (K, T, B), float64.
        totals: for each part these derivatives themselves, (K, T, B, H); empty where nobody asks for them.
    """

    norms: State
    totals: State


class Trace(Protocol):
    """What a forward scan leaves; used up by its backward scan."""

    @property
    def states(self) -> State:
        """For each part (K, T + 1, B, H): s_0, s_1, …, s_T."""

    def backward(
        self,
        weights: LayerWeights,
        grad_h: Mapping[int, Tensor],
        grad: LayerWeights | None = None,
        keep: StepGradients | None = None,
        need_input_grad: bool = True,
    ) -> Tensor | None:
        """Carry the gradient back over time.

        Args:
            grad_h: for a step t (1-based), what enters dL/dh_t from outside the layer: from a readout at t or
                from the next layer, shape (K, B, H). Steps without any may be missing.
            grad: where to write the gradients of the weights, if anywhere.
            keep: where to write the per-step gradients, if anywhere.

        Returns:
            dL/dx, shape (K, T, B, F), if asked for.
        """


def columns(blocks: slice, hidden_size: int) -> slice:
    """The columns of a (…, G · H) tensor that belong to some blocks."""
    return slice(blocks.start * hidden_size, blocks.stop * hidden_size)


def forward(cell: Cell, weights: LayerWeights, inputs: Tensor, hidden_size: int, buffers: Buffers) -> StepwiseTrace:
    """Run one layer over time from a zero state.

    Args:
        inputs: x, shape (K, T, B, F).
    """
    members, steps, batch, features = inputs.shape
    act = buffers("act", (members, steps, batch, len(cell.gates) * hidden_size))
    # Gates that the input product does not reach start at their bias alone.
    if weights.bias is None:
        act.zero_()
    else:
        act.copy_(weights.bias[:, None, None].expand_as(act))
    flat = act.view(members, steps * batch, -1)
    flat[..., columns(cell.input_blocks(), hidden_size)].baddbmm_(
        inputs.reshape(members, steps * batch, features), weights.input
    )
    states = {part: buffers(f"state {part}", (members, steps + 1, batch, hidden_size)) for part in cell.parts}
    for values in states.values():
        values[:, 0] = 0
    trace = StepwiseTrace(cell, inputs, act, states)
    recurrent = columns(cell.recurrent_blocks(), hidden_size)
    derivative = derivative_of(cell)
    for t in range(1, steps + 1):
        pre, state, new = act[:, t - 1], trace.at(t - 1), trace.at(t)
        if weights.recurrent is not None:
            pre[..., recurrent].baddbmm_(state["h"], weights.recurrent)
        derivative.forward_(pre, state, new)
    return trace


@dataclass(frozen=True)
class StepwiseTrace:
    """What `forward` leaves for the backward scan.

    Attributes:
        inputs: x, shape (K, T, B, F).
        act: (K, T, B, G · H): pre-activations, or what `HandDerivative.forward_` made of them.
        states: for each part (K, T + 1, B, H): s_0, s_1, …, s_T.
    """

    cell: Cell
    inputs: Tensor
    act: Tensor
    states: State

    def at(self, t: int) -> State:
        """The parts of s_t."""
        return {part: values[:, t] for part, values in self.states.items()}

    def backward(
        self,
        weights: LayerWeights,
        grad_h: Mapping[int, Tensor],
        grad: LayerWeights | None = None,
        keep: StepGradients | None = None,
        need_input_grad: bool = True,
    ) -> Tensor | None:
        """See `Trace.backward`."""
        cell, act = self.cell, self.act
        members, steps, batch, _ = act.shape
        hidden_size = self.states["h"].shape[-1]
        carry = {part: act.new_zeros(members, batch, hidden_size) for part in cell.parts}
        derivative = derivative_of(cell)
        recurrent = columns(cell.recurrent_blocks(), hidden_size)
        for t in range(steps, 0, -1):
            if t in grad_h:
                carry["h"] += grad_h[t]
            delta, new, state = act[:, t - 1], self.at(t), self.at(t - 1)
            derivative.totals_(delta, state, new, carry)
            if keep is not None:
                _keep(keep, t, carry)
            derivative.backward_(delta, state, new, carry)
            if weights.recurrent is not None and t > 1:
                carry["h"].baddbmm_(delta[..., recurrent], weights.recurrent.mT)
        return self._products(weights, grad, need_input_grad)

    def _products(self, weights: LayerWeights, grad: LayerWeights | None, need_input_grad: bool) -> Tensor | None:
        """The large matmuls after the loop, out of the deltas that the loop left in ``act``."""
        members, steps, batch, width = self.act.shape
        hidden_size = self.states["h"].shape[-1]
        delta = self.act.view(members, steps * batch, width)
        delta_in = delta[..., columns(self.cell.input_blocks(), hidden_size)]
        if grad is not None:
            x = self.inputs.reshape(members, steps * batch, -1)
            torch.bmm(x.mT, delta_in, out=grad.input)
            if grad.recurrent is not None:
                h = self.states["h"][:, :steps].reshape(members, steps * batch, hidden_size)
                delta_rec = delta[..., columns(self.cell.recurrent_blocks(), hidden_size)]
                torch.bmm(h.mT, delta_rec, out=grad.recurrent)
            if grad.bias is not None:
                torch.sum(delta, dim=1, out=grad.bias)
        if not need_input_grad:
            return None
        return (delta_in @ weights.input.mT).view(members, steps, batch, -1)


def _keep(keep: StepGradients, t: int, totals: State) -> None:
    for part, value in totals.items():
        keep.norms[part][:, t - 1] = norm(value)
        if part in keep.totals:
            keep.totals[part][:, t - 1] = value


def norm(vectors: Tensor) -> Tensor:
    """Euclidean norm over the last dimension, in float64, without overflow or underflow by squaring.

    An infinite entry gives inf, a NaN entry gives NaN.
    """
    vectors = vectors.double()
    largest = vectors.abs().amax(dim=-1, keepdim=True)
    scale = largest.where((largest > 0) & largest.isfinite(), 1)
    return torch.linalg.vector_norm(vectors / scale, dim=-1) * scale.squeeze(-1)


def derivative_of(cell: Cell) -> HandDerivative:
    """The cell's own derivative where it has one, else the derived one."""
    return cell if isinstance(cell, HandDerivative) else DerivedByAutograd(cell)


class DerivedByAutograd(HandDerivative):
    """The derivative of a cell's plain `step`, by automatic differentiation: for cells that write none."""

    def __init__(self, cell: Cell):
        self.cell = cell
        self.pending: dict[str, Tensor] = {}

    def forward_(self, pre: Tensor, state: State, new: State) -> None:
        for part, value in self.cell.step(pre, state).items():
            new[part].copy_(value)

    def totals_(self, act: Tensor, state: State, new: State, grad: State) -> None:
        pre = act.detach().requires_grad_()
        before = {part: value.detach().requires_grad_() for part, value in state.items()}
        with torch.enable_grad():
            after = self.cell.step(pre, before)
            # Asking for the gradient of the results themselves gives the totals: what reaches c through h too.
            sources = {"pre": pre, **{f"before {part}": value for part, value in before.items()}, **after}
            found = torch.autograd.grad(
                list(after.values()),
                list(sources.values()),
                [grad[part] for part in after],
                allow_unused=True,
            )
        self.pending = {
            name: torch.zeros_like(sources[name]) if value is None else value
            for name, value in zip(sources, found, strict=True)
        }
        for part in after:
            grad[part].copy_(self.pending[part])

    def backward_(self, act: Tensor, state: State, new: State, grad: State) -> None:
        act.copy_(self.pending["pre"])
        for part in grad:
            grad[part].copy_(self.pending[f"before {part}"])
