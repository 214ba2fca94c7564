"""What the ways to run a layer over time have in common: what they are given, what they leave, and norms.

Shapes: K members, T steps, B samples, F input features, H = hidden_size. Members come first and never mix. Buffers
are laid out (K, T, B, ·), so that one time step is a strided view and products over all time need no copies.

Inputs are real vectors (K, T, B, F), or tokens: whole numbers 0 … F - 1 (int64), (K, T, B). A token stands for the
vector with a 1 at its place and 0 elsewhere; its product with W_x is a row of W_x, which is taken without multiplying.

Samples may end at steps of their own, lengths (K, B). After its end a sample keeps its state and what it shows: at the
last step of all, every one has those that it ended with. Backward, nothing enters there, and gradients by it are 0.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

from harness.cells.base import Named, State, Weights


class Buffers:
    """Memory that is kept from step to step: asking the system for it anew costs more than filling it."""

    def __init__(self, like: Tensor):
        self.like = like
        self._kept: dict[str, Tensor] = {}

    def __call__(self, name: str, shape: tuple[int, ...]) -> Tensor:
        """A tensor of this shape with arbitrary content, valid until the next call of this name."""
        size = torch.Size(shape).numel()
        kept = self._kept.get(name)
        if kept is None or kept.numel() < size:
            kept = self._kept[name] = self.like.new_empty(size)
        return kept[:size].view(shape)

    @property
    def bytes(self) -> int:
        """How much memory is held."""
        return sum(kept.numel() * kept.element_size() for kept in self._kept.values())


@dataclass(frozen=True)
class GradFromAbove:
    """What enters dL/d(output) of a layer from above: from the readout or from the next layer.

    Attributes:
        steps: the S time steps (1-based, increasing) at which anything enters.
        values: (K, S, B, output size).
    """

    steps: Sequence[int]
    values: Tensor

    def between(self, begin: int, end: int) -> GradFromAbove:
        """What enters at steps begin + 1 … end, counted from begin."""
        places = [place for place, step in enumerate(self.steps) if begin < step <= end]
        start, stop = (places[0], places[-1] + 1) if places else (0, 0)
        return GradFromAbove([self.steps[place] - begin for place in places], self.values[:, start:stop])


def places_of(scored: Iterable[int], steps: int) -> list[int]:
    """For each of so many steps its place among those that are scored (1-based), or -1."""
    places = [-1] * steps
    for place, step in enumerate(scored):
        places[step - 1] = place
    return places


@dataclass(frozen=True)
class StepGradients:
    """Per-step gradients of one layer, as the backward scan writes them down.

    Attributes:
        norms: for each part the Euclidean norms of the total derivatives dL/ds_t, (K, T, B), float64.
        totals: for each part these derivatives themselves, (K, T, B, width); empty where nobody asks for them.
    """

    norms: State
    totals: State

    def between(self, begin: int, end: int) -> StepGradients:
        """The room for steps begin + 1 … end."""
        return StepGradients(
            Named({part: values[:, begin:end] for part, values in self.norms.items()}),
            Named({part: values[:, begin:end] for part, values in self.totals.items()}),
        )


@dataclass(frozen=True)
class BackwardPass:
    """What the backward scan of a layer is given.

    Attributes:
        weights: those in use, of the forward scan.
        above: what enters dL/dh at each step.
        carry: for each part dL/ds_T through steps after these, (K, B, width); becomes dL/ds_0, in place.
        grad: the gradients of the weights are added to these.
        keep: where to write the per-step gradients, if anywhere.
        need_input_grad: whether dL/dx is asked for.
    """

    weights: Weights
    above: GradFromAbove
    carry: State
    grad: Weights
    keep: StepGradients | None = None
    need_input_grad: bool = True


def is_tokens(inputs: Tensor) -> bool:
    """Whether inputs are tokens (K, T, B) and not vectors (K, T, B, F)."""
    return not inputs.is_floating_point()


def check_tokens(tokens: Tensor, input_size: int) -> None:
    """Refuse tokens that name no row of W_x. A GPU is not asked: it would have to be waited for.

    Raises:
        ValueError: tokens that are none of 0 … input_size - 1, or not int64.
    """
    if tokens.dtype != torch.int64:
        raise ValueError(f"tokens of {tokens.dtype}; valid: torch.int64")
    if tokens.device.type == "cpu" and tokens.numel():
        low, high = (value.item() for value in tokens.aminmax())
        if low < 0 or high >= input_size:
            raise ValueError(f"tokens from {low} to {high}; valid: 0 to {input_size - 1}")


def one_hot(tokens: Tensor, input_size: int, dtype: torch.dtype) -> Tensor:
    """The vectors (…, input_size) that tokens stand for."""
    vectors = torch.zeros(*tokens.shape, input_size, dtype=dtype, device=tokens.device)
    return vectors.scatter_(-1, tokens[..., None], 1.0)


class Trace(Protocol):
    """What a forward scan leaves; used up by its backward scan."""

    @property
    def states(self) -> State:
        """For each part (K, T + 1, B, width): s_0, s_1, …, s_T."""

    @property
    def outputs(self) -> Tensor:
        """What the readout and the next layer see, (K, T, B, output size); a view where it is a part of the state."""

    def backward(self, given: BackwardPass) -> Tensor | None:
        """Carry the gradient back over time.

        Returns:
            dL/dx, shape (K, T, B, F), if asked for; of tokens by the vectors that they stand for.
        """


class Scanner(Protocol):
    """One way to run the layers of a cell over time, and the readout after them."""

    def forward(
        self, weights: Weights, inputs: Tensor, start: State, buffers: Buffers, lengths: Tensor | None = None
    ) -> Trace:
        """Run one layer.

        Args:
            inputs: x, (K, T, B, F), or tokens (K, T, B).
            start: the parts of s_0, each (K, B, width).
            buffers: what the trace lives in: it is valid until the next call with them.
            lengths: the step at which each sample ends, from 0, (K, B), int64; None: all have T steps. Inputs after it
                may be any numbers and tokens that there are, but no NaN.
        """

    def product(self, a: Tensor, b: Tensor) -> Tensor:
        """a · b of every member, for the readout: (K, M, N) from (K, M, D) and (K, D, N), of any strides."""


class TorchProduct:
    """Products by torch."""

    def product(self, a: Tensor, b: Tensor) -> Tensor:
        """See `Scanner.product`."""
        return torch.bmm(a, b)


def states_buffers(widths: Iterable[str], inputs: Tensor, start: State, buffers: Buffers) -> State:
    """Room for s_0 … s_T of every part, (K, T + 1, B, width), with s_0 in place."""
    members, steps, batch = inputs.shape[:3]
    states: State = Named()
    for part in widths:
        states[part] = buffers(f"state {part}", (members, steps + 1, batch, start[part].shape[-1]))
        states[part][:, 0] = start[part]
    return states


def norm(vectors: Tensor) -> Tensor:
    """Euclidean norm over the last dimension, in float64, without overflow or underflow by squaring.

    An infinite entry gives inf, a NaN entry gives NaN.
    """
    if vectors.dtype == torch.float32:
        # No square of a single overflows or vanishes in double precision.
        return torch.linalg.vector_norm(vectors, dim=-1, dtype=torch.float64)
    vectors = vectors.double()
    largest = vectors.abs().amax(dim=-1, keepdim=True)
    scale = largest.where((largest > 0) & largest.isfinite(), 1)
    return torch.linalg.vector_norm(vectors / scale, dim=-1) * scale.squeeze(-1)
