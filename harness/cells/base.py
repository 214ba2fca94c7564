"""Cells: each module here is one plugin, a recurrence that reads like its formula.

Nearly every cell is a *recurrent product* followed by a *pointwise step* (`PointwiseCell`):

    pre_t = x_t · W_x + b + h_{t-1} · W_h          for all gates at once
    state_t = step(pre_t, state_{t-1})             element by element

Any other recurrence is a `GeneralCell`: it names its weights and computes a step from them. The engine
(`harness.engine.scan.choice`) runs both over time and carries the gradient back.

torch is named in annotations only: a cell can be listed and chosen without loading it.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Literal, TypeAlias

from harness.base.errors import reason
from harness.base.options import Options
from harness.base.pluggable import Pluggable

if TYPE_CHECKING:
    from torch import Tensor

State: TypeAlias = "dict[str, Tensor]"
"""The state's named parts, each of shape (K, B, H): K members, batch B, H = hidden_size."""

Weights: TypeAlias = "dict[str, Tensor]"
"""The weights of a layer of K members by name, each (K, …); the same type holds their gradients."""


@dataclass(frozen=True)
class Parameter:
    """One weight of a cell: its shape (without K), and what it is, which decides how it starts.

    Attributes:
        shape: e.g. (F, 3 · H).
        kind: ``recurrent``: H×H blocks side by side, each `weight_scale` times the base matrix of `init`;
            ``dense``: uniform in ±1/√H; ``constant``: ``start``, each value repeated over an equal share.
    """

    shape: tuple[int, ...]
    kind: Literal["recurrent", "dense", "constant"]
    start: tuple[float, ...] = (0.0,)

    def flaw(self, hidden_size: int) -> str | None:
        """Why a weight cannot start so; None where it can."""
        if self.kind == "recurrent":
            fits = len(self.shape) == 2 and self.shape[0] == hidden_size and self.shape[1] % hidden_size == 0
            return None if fits else f"valid for a recurrent weight: (H, k · H), here H = {hidden_size}"
        if self.kind == "dense":
            return None if len(self.shape) == 2 else "valid for a dense weight: (rows, columns)"
        if self.kind == "constant":
            fits = bool(self.start) and math.prod(self.shape) % len(self.start) == 0
            return None if fits else f"valid for a constant of {len(self.start)} values: a multiple of them"
        return f"kind {self.kind!r}; valid: recurrent, dense, constant"


class Cell(Options, Pluggable):
    """What the engine knows of any cell. Fields are its options (``cell.*``).

    Attributes:
        name: the cell's name on the command line.
        parts: names of the state's parts; ``h`` is what the readout and the next layer see.
        memory: the part that carries information over time; per-run figures are read from it.
        has_memory: whether anything is carried over time at all.
    """

    kind: ClassVar[str] = "cell"
    name: ClassVar[str]
    parts: ClassVar[tuple[str, ...]] = ("h",)
    memory: ClassVar[str] = "h"
    has_memory: ClassVar[bool] = True

    @abstractmethod
    def parameters(self, input_size: int, hidden_size: int) -> dict[str, Parameter]:
        """The weights of a layer by name."""

    @abstractmethod
    def apply(self, weights: Weights, x: Tensor, state: State) -> State:
        """One step of K members.

        Args:
            weights: what `parameters` names, each (K, …).
            x: inputs of the step, (K, B, F).
            state: parts of s_{t-1}, each (K, B, H).

        Returns:
            The parts of s_t. Where one part is computed from another (LSTM's h from c), compute it from
            the returned tensor, so that the part's gradient includes that path.
        """

    def flaw_of_weights(self, hidden_size: int, input_size: int = 1) -> str | None:
        """What is wrong with `parameters`, by the weight's name; None where nothing is."""
        try:
            found = self.parameters(input_size, hidden_size)
            flaws = {name: flaw for name, each in found.items() if (flaw := each.flaw(hidden_size))}
        except Exception as error:
            return reason(error, self)
        return next((f"weight {name} of shape {found[name].shape}; {flaw}" for name, flaw in flaws.items()), None)

    def stored_per_step(self, hidden_size: int) -> int:
        """Numbers that a step of one sample stores for the backward pass, a measure of memory and of work."""
        return len(self.parts) * hidden_size


class GeneralCell(Cell):
    """A cell whose step is anything that torch can differentiate: several products one after another, …

    Write `parameters` and `apply`. It runs through autograd, slower than a `PointwiseCell`.
    """


class PointwiseCell(Cell):
    """A recurrent product and a pointwise step.

    The pre-activation holds one block of H columns per gate. The first `input_gates` blocks receive the
    input product x_t · W_x, the last `recurrent_gates` blocks the recurrent product h_{t-1} · W_h, every
    block a bias (where `bias` is true). Most cells feed both products to all blocks; GRU and a cell without
    recurrence do not.

    Attributes:
        gates: names of the blocks, in order.
        bias: whether the pre-activation has a bias.
    """

    gates: ClassVar[tuple[str, ...]]
    input_gates: ClassVar[int | None] = None
    recurrent_gates: ClassVar[int | None] = None
    bias: ClassVar[bool] = True

    @abstractmethod
    def step(self, pre: Tensor, state: State) -> State:
        """The pointwise step.

        Args:
            pre: pre-activations, shape (K, B, gates · H).
            state: parts of s_{t-1}, each of shape (K, B, H).

        Returns:
            The parts of s_t; as of `Cell.apply`.
        """

    def initial_bias(self, gate: str) -> float:
        """The value at which the bias of a gate starts."""
        return 0.0

    @classmethod
    def input_blocks(cls) -> slice:
        """Blocks that receive the input product."""
        return slice(0, len(cls.gates) if cls.input_gates is None else cls.input_gates)

    @classmethod
    def recurrent_blocks(cls) -> slice:
        """Blocks that receive the recurrent product."""
        count = len(cls.gates) if cls.recurrent_gates is None else cls.recurrent_gates
        return slice(len(cls.gates) - count, len(cls.gates))

    def parameters(self, input_size: int, hidden_size: int) -> dict[str, Parameter]:
        """``input`` (F, input gates · H), ``recurrent`` (H, recurrent gates · H), ``bias`` (gates · H)."""
        found = {"input": Parameter((input_size, self.input_blocks().stop * hidden_size), "dense")}
        blocks = self.recurrent_blocks()
        if width := (blocks.stop - blocks.start) * hidden_size:
            found["recurrent"] = Parameter((hidden_size, width), "recurrent")
        if self.bias:
            start = tuple(self.initial_bias(gate) for gate in self.gates)
            found["bias"] = Parameter((len(self.gates) * hidden_size,), "constant", start)
        return found

    def apply(self, weights: Weights, x: Tensor, state: State) -> State:
        """See `Cell.apply`: the products, and `step`."""
        from torch.nn.functional import pad

        size = state["h"].shape[-1]
        pre = pad(x @ weights["input"], (0, (len(self.gates) - self.input_blocks().stop) * size))
        if "recurrent" in weights:
            product = state["h"] @ weights["recurrent"]
            pre = pre + pad(product, (self.recurrent_blocks().start * size, 0))
        if "bias" in weights:
            pre = pre + weights["bias"][:, None]
        return self.step(pre, state)

    def stored_per_step(self, hidden_size: int) -> int:
        """See `Cell.stored_per_step`: the gates, and the state."""
        return (len(self.gates) + len(self.parts)) * hidden_size


class HandDerivative(ABC):
    """A cell's step and its derivative written by hand, in place: faster than autograd, same numbers.

    Optional. The forward step may overwrite the pre-activations by whatever its derivative needs
    (activations); the backward step overwrites those by dL/d(pre-activation).
    """

    @abstractmethod
    def forward_(self, pre: Tensor, state: State, new: State) -> None:
        """Fill ``new`` (the parts of s_t) and turn ``pre`` into activations, in place."""

    def totals_(self, act: Tensor, state: State, new: State, grad: State) -> None:
        """Add to each part's gradient what flows through other parts of the same step, in place.

        Args:
            act: what `forward_` left, shape (K, B, gates · H).
            state: the parts of s_{t-1}.
            new: the parts of s_t.
            grad: dL/d(part of s_t) through the readout and later steps; afterwards the total derivative.
        """
        return  # a state of one part has no other parts

    @abstractmethod
    def backward_(self, act: Tensor, state: State, new: State, grad: State) -> None:
        """Carry the gradient through the pointwise step, in place.

        Args:
            act: what `forward_` left; afterwards dL/d(pre-activation).
            state: the parts of s_{t-1}.
            new: the parts of s_t.
            grad: total derivatives dL/d(part of s_t); afterwards dL/d(part of s_{t-1}) without what goes
                through the recurrent product, which the engine adds.
        """
