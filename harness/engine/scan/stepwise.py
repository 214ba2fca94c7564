"""The scan of a pointwise cell step by step in torch, on every device."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from harness.cells.base import HandDerivative, PointwiseCell, State, Weights
from harness.engine.scan.interface import (
    BackwardPass,
    Buffers,
    StepGradients,
    TorchProduct,
    is_tokens,
    norm,
    states_buffers,
)


@dataclass(frozen=True)
class StepwiseScanner(TorchProduct):
    """Runs a cell by one product and one pointwise step after another, in one buffer."""

    cell: PointwiseCell

    def forward(self, weights: Weights, inputs: Tensor, start: State, buffers: Buffers) -> StepwiseTrace:
        """See `harness.engine.scan.interface.Scanner.forward`."""
        cell = self.cell
        members, steps, batch = inputs.shape[:3]
        hidden_size = start["h"].shape[-1]
        act = buffers("act", (members, steps, batch, len(cell.gates) * hidden_size))
        # Gates that the input product does not reach start at their bias alone.
        if "bias" in weights:
            act.copy_(weights["bias"][:, None, None].expand_as(act))
        else:
            act.zero_()
        reached = act.view(members, steps * batch, -1)[..., columns(cell.input_blocks(), hidden_size)]
        if is_tokens(inputs):
            reached += weights["input"].flatten(0, 1)[rows_of(inputs, weights["input"])]
        else:
            reached.baddbmm_(inputs.reshape(members, steps * batch, -1), weights["input"])
        trace = StepwiseTrace(cell, inputs, act, states_buffers(cell, inputs, start, buffers))
        recurrent = columns(cell.recurrent_blocks(), hidden_size)
        derivative = derivative_of(cell)
        for t in range(1, steps + 1):
            pre, state, new = act[:, t - 1], trace.at(t - 1), trace.at(t)
            if "recurrent" in weights:
                pre[..., recurrent].baddbmm_(state["h"], weights["recurrent"])
            derivative.forward_(pre, state, new)
        return trace


@dataclass(frozen=True)
class StepwiseTrace:
    """What a forward scan leaves for the backward scan.

    Attributes:
        inputs: x, (K, T, B, F), or tokens (K, T, B).
        act: (K, T, B, G · H): pre-activations, or what `HandDerivative.forward_` made of them.
        states: for each part (K, T + 1, B, H): s_0, s_1, …, s_T.
    """

    cell: PointwiseCell
    inputs: Tensor
    act: Tensor
    states: State

    def at(self, t: int) -> State:
        """The parts of s_t."""
        return {part: values[:, t] for part, values in self.states.items()}

    def backward(self, given: BackwardPass) -> Tensor | None:
        """See `harness.engine.scan.interface.Trace.backward`."""
        hidden_size = self.states["h"].shape[-1]
        derivative = derivative_of(self.cell)
        recurrent = columns(self.cell.recurrent_blocks(), hidden_size)
        weights, carry = given.weights, given.carry
        entering = dict(zip(given.above.steps, given.above.values.unbind(1), strict=True))
        for t in range(self.act.shape[1], 0, -1):
            if t in entering:
                carry["h"] += entering[t]
            delta, new, state = self.act[:, t - 1], self.at(t), self.at(t - 1)
            derivative.totals_(delta, state, new, carry)
            if given.keep is not None:
                _keep(given.keep, t, carry)
            derivative.backward_(delta, state, new, carry)
            if "recurrent" in weights:
                carry["h"].baddbmm_(delta[..., recurrent], weights["recurrent"].mT)
        return self._products(weights, given.grad, given.need_input_grad)

    def _products(self, weights: Weights, grad: Weights, need_input_grad: bool) -> Tensor | None:
        """The large products after the loop, out of the deltas that the loop left in ``act``."""
        members, steps, batch, width = self.act.shape
        hidden_size = self.states["h"].shape[-1]
        delta = self.act.view(members, steps * batch, width)
        delta_in = delta[..., columns(self.cell.input_blocks(), hidden_size)]
        if is_tokens(self.inputs):
            # What an embedding's backward pass does: unlike adding by index, the same on a GPU every time.
            rows = rows_of(self.inputs, grad["input"])
            count = members * grad["input"].shape[1]
            found = torch.ops.aten.embedding_dense_backward(delta_in, rows, count, -1, False)
            grad["input"] += found.view(members, -1, found.shape[-1])
        else:
            grad["input"].baddbmm_(self.inputs.reshape(members, steps * batch, -1).mT, delta_in)
        if "recurrent" in grad:
            h = self.states["h"][:, :steps].reshape(members, steps * batch, hidden_size)
            delta_rec = delta[..., columns(self.cell.recurrent_blocks(), hidden_size)]
            grad["recurrent"].baddbmm_(h.mT, delta_rec)
        if "bias" in grad:
            grad["bias"] += delta.sum(dim=1)
        if not need_input_grad:
            return None
        return (delta_in @ weights["input"].mT).view(members, steps, batch, -1)


def columns(blocks: slice, hidden_size: int) -> slice:
    """The columns of a (…, G · H) tensor that belong to some blocks."""
    return slice(blocks.start * hidden_size, blocks.stop * hidden_size)


def rows_of(tokens: Tensor, weight: Tensor) -> Tensor:
    """The rows (K, T · B) of all members' weights (K · F, ·) that tokens (K, T, B) take."""
    members, features, _ = weight.shape
    first = features * torch.arange(members, device=tokens.device)
    return tokens.flatten(1) + first[:, None]


def _keep(keep: StepGradients, t: int, totals: State) -> None:
    for part, value in totals.items():
        keep.norms[part][:, t - 1] = norm(value)
        if part in keep.totals:
            keep.totals[part][:, t - 1] = value


def derivative_of(cell: PointwiseCell) -> HandDerivative:
    """The cell's own derivative where it has one, else the derived one."""
    return cell if isinstance(cell, HandDerivative) else DerivedByAutograd(cell)


class DerivedByAutograd(HandDerivative):
    """The derivative of a cell's plain `step`, by automatic differentiation: for cells that write none."""

    def __init__(self, cell: PointwiseCell):
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
            # Of clones: a sum hands its gradient on as the very same tensor, and `grad` is overwritten part by part.
            found = torch.autograd.grad(
                list(after.values()),
                list(sources.values()),
                [grad[part].clone() for part in after],
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
