"""The network: stacked recurrent layers and a linear readout, for K members of one shape at once.

All weights of a member lie in one row of `Network.flat`, shape (K, P). The weights of the formulas are
views into it, each with a leading dimension K. Per-member clipping, optimising and stopping are then
operations on rows, and nothing can mix members.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from harness import native, scan
from harness.cells import Cell
from harness.initial import RECURRENT_INITS, dense
from harness.scan import Buffers, LayerWeights, StepGradients, Trace
from harness.seeds import stream

READOUT = ("readout.weight", "readout.bias")


@dataclass(frozen=True)
class Shape:
    """What members of one network share."""

    cell: Cell
    input_size: int
    hidden_size: int
    num_layers: int
    output_size: int

    def parameters(self) -> dict[str, tuple[int, ...]]:
        """Names and shapes (without K) of all weights, in the order of a row of `Network.flat`."""
        width = self.hidden_size
        shapes: dict[str, tuple[int, ...]] = {}
        for layer in range(1, self.num_layers + 1):
            features = self.input_size if layer == 1 else width
            shapes[f"layer{layer}.input"] = (features, _count(self.cell.input_blocks()) * width)
            if recurrent := _count(self.cell.recurrent_blocks()):
                shapes[f"layer{layer}.recurrent"] = (width, recurrent * width)
            if self.cell.bias:
                shapes[f"layer{layer}.bias"] = (len(self.cell.gates) * width,)
        shapes["readout.weight"] = (width, self.output_size)
        shapes["readout.bias"] = (self.output_size,)
        return shapes


@dataclass(frozen=True)
class MemberInit:
    """What distinguishes the initial weights of one member from another's."""

    cell: Cell
    seed: int
    init: str
    weight_scale: float


LayerSteps = dict[int, StepGradients]
"""The per-step gradients of some layers (1-based)."""


class Network:
    """K members of one shape.

    Args:
        flat: all weights, shape (K, P); kept, not copied.
        compiled: run the scans as compiled kernels where that is possible.
    """

    def __init__(self, shape: Shape, flat: Tensor, compiled: bool = True):
        self.shape = shape
        self.flat = flat
        self.compiled = compiled
        self.weights = views(shape, flat)
        self.kernel = native.kernel(shape.cell, flat.dtype, flat.device) if compiled else None
        self._buffers = [Buffers(flat) for _ in range(shape.num_layers)]

    @classmethod
    def create(
        cls, shape: Shape, members: Sequence[MemberInit], dtype: torch.dtype, device: str, compiled: bool = True
    ) -> Network:
        """New members, each drawn from its own seed: the same alone and in any company."""
        rows = np.stack([_initial_row(shape, member) for member in members])
        return cls(shape, torch.from_numpy(rows).to(device=device, dtype=dtype), compiled)

    def to(self, dtype: torch.dtype) -> Network:
        """A copy in another precision."""
        return Network(self.shape, self.flat.to(dtype, copy=True), self.compiled)

    def layer(self, layer: int, tensors: dict[str, Tensor] | None = None) -> LayerWeights:
        """The weights of a layer (1-based), or what ``tensors`` holds under their names."""
        tensors = self.weights if tensors is None else tensors
        name = f"layer{layer}"
        return LayerWeights(tensors[f"{name}.input"], tensors.get(f"{name}.recurrent"), tensors.get(f"{name}.bias"))

    def forward(self, inputs: Tensor) -> list[Trace]:
        """Run all layers over inputs of shape (K, T, B, input_size).

        Returns:
            The traces of all layers, bottom to top, valid until the next call.
        """
        layers: list[Trace] = []
        size = self.shape.hidden_size
        for layer, buffers in enumerate(self._buffers, start=1):
            if self.kernel is not None:
                layers.append(self.kernel.forward(self.layer(layer), inputs, size, buffers))
            else:
                layers.append(scan.forward(self.shape.cell, self.layer(layer), inputs, size, buffers))
            inputs = layers[-1].states["h"][:, 1:]
        return layers

    def outputs(self, inputs: Tensor, steps: Sequence[int]) -> Tensor:
        """What the readout says at some steps (1-based), shape (K, B, S, output_size)."""
        return self.readout(hidden_at(self.forward(inputs), steps))

    def readout(self, hidden: Tensor, tensors: dict[str, Tensor] | None = None) -> Tensor:
        """Outputs (K, B, S, output_size) of hidden states (K, B, S, H)."""
        tensors = self.weights if tensors is None else tensors
        weight, bias = tensors["readout.weight"], tensors["readout.bias"]
        flat = torch.baddbmm(bias[:, None], hidden.flatten(1, 2), weight)
        return flat.view(*hidden.shape[:3], -1)

    def backward(
        self,
        layers: Sequence[Trace],
        grad_h: Mapping[int, Tensor],
        grad: dict[str, Tensor] | None = None,
        keep: LayerSteps | None = None,
        need_input_grad: bool = False,
    ) -> Tensor | None:
        """Carry the gradient back through all layers. Uses up their traces.

        Args:
            grad_h: for each step (1-based) at which the readout is used, dL/dh of the top layer (K, B, H).
            grad: `views` of a (K, P) tensor to write the weights' gradients to.
            keep: where to write the per-step gradients, for the layers that are in it.

        Returns:
            dL/dx, shape (K, T, B, input_size), if asked for.
        """
        below: Tensor | None = None
        for layer in range(self.shape.num_layers, 0, -1):
            below = layers[layer - 1].backward(
                self.layer(layer),
                grad_h,
                None if grad is None else self.layer(layer, grad),
                None if keep is None else keep.get(layer),
                need_input_grad=layer > 1 or need_input_grad,
            )
            if layer > 1:
                assert below is not None
                grad_h = {t: below[:, t - 1] for t in range(1, below.shape[1] + 1)}
        return below

    def gradients(
        self,
        inputs: Tensor,
        scored: Sequence[int],
        loss: Callable[[Tensor], Tensor],
        grad_flat: Tensor,
        keep: LayerSteps | None = None,
        need_input_grad: bool = False,
    ) -> tuple[Tensor, Tensor | None]:
        """Losses of all samples, and the gradients of their sum over the batch.

        Args:
            inputs: (K, T, B, input_size).
            scored: the S steps (1-based) that are read out.
            loss: from outputs (K, B, S, output_size) to losses (K, B).
            grad_flat: (K, P), receives the gradients of the weights.
            keep: see `backward`; `step_gradients` makes one.

        Returns:
            The losses (K, B), and dL/dx of the shape of ``inputs`` if asked for.
        """
        layers = self.forward(inputs)
        head = {name: self.weights[name].detach().requires_grad_() for name in READOUT}
        hidden = hidden_at(layers, scored).requires_grad_()
        with torch.enable_grad():
            losses = loss(self.readout(hidden, head))
            found = torch.autograd.grad(losses.sum(), [hidden, *head.values()])
        grad = views(self.shape, grad_flat)
        for name, value in zip(READOUT, found[1:], strict=True):
            grad[name].copy_(value)
        grad_h = {t: found[0][:, :, index] for index, t in enumerate(scored)}
        return losses.detach(), self.backward(layers, grad_h, grad, keep, need_input_grad)

    def step_gradients(self, inputs: Tensor, totals: bool = False) -> LayerSteps:
        """Room for the per-step gradients of all layers on these inputs; with ``totals`` not only for their norms."""
        place, size, parts = inputs.shape[:3], self.shape.hidden_size, self.shape.cell.parts
        return {
            layer: StepGradients(
                {part: inputs.new_empty(place, dtype=torch.float64) for part in parts},
                {part: inputs.new_empty(*place, size) for part in parts} if totals else {},
            )
            for layer in range(1, self.shape.num_layers + 1)
        }

    def spectral_radius(self) -> list[float]:
        """For each member the largest |eigenvalue| among its recurrent H×H blocks; NaN where not finite."""
        blocks = [
            block
            for layer in range(1, self.shape.num_layers + 1)
            if (recurrent := self.layer(layer).recurrent) is not None
            for block in recurrent.split(self.shape.hidden_size, dim=-1)
        ]
        if not blocks:
            return [0.0] * len(self.flat)
        stacked = torch.stack(blocks, dim=1).double().cpu()
        finite = stacked.isfinite().flatten(1).all(1)
        radius = torch.linalg.eigvals(stacked.nan_to_num(0, 0, 0)).abs().amax(dim=(1, 2))
        return radius.where(finite, torch.nan).tolist()


def hidden_at(layers: Sequence[Trace], steps: Sequence[int]) -> Tensor:
    """h of the top layer at some steps (1-based), shape (K, B, S, H)."""
    return torch.stack([layers[-1].states["h"][:, t] for t in steps], dim=2)


def views(shape: Shape, flat: Tensor) -> dict[str, Tensor]:
    """The weights of all members by name, each (K, …): views into ``flat`` of shape (K, P)."""
    found, start = {}, 0
    for name, size in shape.parameters().items():
        stop = start + int(np.prod(size))
        found[name] = flat[:, start:stop].view(-1, *size)
        start = stop
    return found


def _count(blocks: slice) -> int:
    return blocks.stop - blocks.start


def _initial_row(shape: Shape, member: MemberInit) -> np.ndarray:
    """All weights of one member in a row of length P, float64."""
    width = shape.hidden_size
    parts = []
    for name, size in shape.parameters().items():
        rng = stream(member.seed, "weights", name)
        if name.endswith(".recurrent"):
            base = RECURRENT_INITS[member.init]
            blocks = [base(rng, width) * member.weight_scale for _ in range(size[1] // width)]
            value = np.concatenate(blocks, axis=1)
        elif name.endswith(".bias"):
            value = np.zeros(size)
            if name != "readout.bias":
                value = np.repeat([member.cell.initial_bias(gate) for gate in shape.cell.gates], width)
        else:
            value = dense(rng, size[0], size[1], width)
        parts.append(value.ravel())
    return np.concatenate(parts)
