"""Cells: each module here is one plugin, a recurrence that reads like its formula.

Every cell is a *recurrent product* followed by a *pointwise step*:

    pre_t = x_t · W_x + b + h_{t-1} · W_h          for all gates at once
    state_t = step(pre_t, state_{t-1})             element by element

The engine (`harness.scan`) computes the products, runs the step over time, and carries the gradient back.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import ClassVar

from torch import Tensor

from harness.options import Options

State = dict[str, Tensor]
"""The state's named parts, each of shape (K, B, H): K members, batch B, H = hidden_size."""


class Cell(Options, ABC):
    """A recurrent cell: its gates, its state and its pointwise step. Fields are its options (``cell.*``).

    The pre-activation holds one block of H columns per gate. The first `input_gates` blocks receive the
    input product x_t · W_x, the last `recurrent_gates` blocks the recurrent product h_{t-1} · W_h, every
    block a bias (where `bias` is true). Most cells feed both products to all blocks; GRU and a cell without
    recurrence do not.

    Attributes:
        name: the cell's name on the command line.
        gates: names of the blocks, in order.
        parts: names of the state's parts; ``h`` is what the readout, the next layer and W_h see.
        memory: the part that carries information over time; per-run figures are read from it.
        bias: whether the pre-activation has a bias.
    """

    name: ClassVar[str]
    gates: ClassVar[tuple[str, ...]]
    input_gates: ClassVar[int | None] = None
    recurrent_gates: ClassVar[int | None] = None
    parts: ClassVar[tuple[str, ...]] = ("h",)
    memory: ClassVar[str] = "h"
    bias: ClassVar[bool] = True

    @abstractmethod
    def step(self, pre: Tensor, state: State) -> State:
        """The pointwise step.

        Args:
            pre: pre-activations, shape (K, B, gates · H).
            state: parts of s_{t-1}, each of shape (K, B, H).

        Returns:
            The parts of s_t. Where one part is computed from another (LSTM's h from c), compute it from
            the returned tensor, so that the part's gradient includes that path.
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
