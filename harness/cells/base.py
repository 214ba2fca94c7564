"""Cells: each module here is one plugin, a recurrence that reads like its equations.

A cell names its weights (`Cell.parameters`) and computes a step from them (`Cell.step`), with ``@`` for products and
the functions of `harness.cells.functions`. The engine (`harness.engine.scan`) reads the step, derives its gradient and
runs both over time; a step that it cannot read runs all the same, by automatic differentiation.

torch is named in annotations only: a cell can be listed and chosen without loading it.
"""

from __future__ import annotations

import math
import re
from abc import abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar, Literal, TypeVar

from harness.base.errors import reason
from harness.base.options import Options
from harness.base.pluggable import Pluggable

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from torch import Tensor

    from harness.theory.base import Theory

Value = TypeVar("Value")


class Named(dict[str, Value]):
    """A dictionary whose values are also attributes: ``state["h"]`` is ``state.h``."""

    def __getattr__(self, name: str) -> Value:
        try:
            return self[name]
        except KeyError:
            raise AttributeError(f"there is no {name}; there are {', '.join(self) or 'none'}") from None


State = Named["Tensor"]
"""The state's named parts, each of shape (K, B, width): K members, batch B; most widths are H = hidden_size."""

Weights = Named["Tensor"]
"""The weights of a layer of K members by name. In a step, vectors are (K, 1, width), matrices (K, rows, columns)."""


@dataclass(frozen=True)
class Parameter:
    """One weight of a cell: its shape (without K), and what it is, which decides how it starts.

    Attributes:
        shape: e.g. (F, 3 · H).
        kind: ``recurrent``: H×H blocks side by side, each `weight_scale` times the base matrix of `init`; or, of one
            dimension, the diagonals of such blocks;
            ``dense``: uniform in ±1/√H; ``constant``: ``start``, each value repeated over an equal share;
            ``drawn``: what ``draw`` gives.
        draw: from a random generator to the values, for a weight that starts in a way of its own.
        stream: weights of a layer with the same word here are given generators that start alike, and can so be drawn
            from the same numbers.
        trained: whether it learns; if not, its gradient is 0 and it stays as it starts.
    """

    shape: tuple[int, ...]
    kind: Literal["recurrent", "dense", "constant", "drawn"]
    start: tuple[float, ...] = (0.0,)
    draw: Callable[[np.random.Generator], NDArray[np.float64]] | None = None
    stream: str | None = None
    trained: bool = True

    def flaw(self, hidden_size: int) -> str | None:
        """Why a weight cannot start so; None where it can."""
        if self.kind == "recurrent":
            rows, columns = self.shape[:-1], self.shape[-1:]
            fits = rows in ((), (hidden_size,)) and columns != () and columns[0] % hidden_size == 0
            return None if fits else f"valid for a recurrent weight: (H, k · H) or (k · H,), here H = {hidden_size}"
        if self.kind == "dense":
            return None if len(self.shape) == 2 else "valid for a dense weight: (rows, columns)"
        if self.kind == "constant":
            fits = bool(self.start) and math.prod(self.shape) % len(self.start) == 0
            return None if fits else f"valid for a constant of {len(self.start)} values: a multiple of them"
        if self.kind == "drawn":
            return None if self.draw is not None else "a drawn weight says how: draw="
        return f"kind {self.kind!r}; valid: recurrent, dense, constant, drawn"


@dataclass(frozen=True)
class TorchLayer:
    """A layer of `torch.nn` that computes what a cell does, and how the weights of one become those of the other.

    Attributes:
        name: ``RNN``, ``GRU`` or ``LSTM``.
        given: from the cell's parameters (of one member) to ``weight_ih``, ``weight_hh``, ``bias_ih`` and ``bias_hh``.
        taken: from these to the cell's parameters.
        options: of the layer's constructor.
    """

    name: str
    given: Callable[[Mapping[str, Tensor]], dict[str, Tensor]]
    taken: Callable[[Mapping[str, Tensor]], dict[str, Tensor]]
    options: Mapping[str, str] = field(default_factory=dict)


class Cell(Options, Pluggable):
    """What the engine knows of any cell. Fields are its options (``cell.*``).

    Attributes:
        name: the cell's name on the command line.
        family: what it is grouped with: ``classic``, ``gated``, ``oscillators``, ``constrained``, ``continuous``,
            ``linear``, ``matrix``, ``controls``, or another word.
        colour: its colour in all figures, as in ``#2f7fd1``; empty: one of those that are left.
        parts: names of the state's parts.
        memory: the part that carries information over time; per-run figures are read from it.
        has_memory: whether anything is carried over time at all.
        gate_roles: by name of what `gates` gives what it does, in a few words: ``forget gate: keeps``. Of a gate whose
            role ends in ``: keeps`` or ``: overwrites`` its value is the share of the memory that a step keeps, or
            replaces, unless `keeps` says otherwise.
    """

    kind: ClassVar[str] = "cell"
    name: ClassVar[str]
    family: ClassVar[str] = "others"
    colour: ClassVar[str] = ""
    parts: ClassVar[tuple[str, ...]] = ("h",)
    memory: ClassVar[str] = "h"
    has_memory: ClassVar[bool] = True
    gate_roles: ClassVar[dict[str, str]] = {}

    @classmethod
    def flaw(cls) -> str | None:
        """See `harness.base.pluggable.Pluggable.flaw`: what figures and tables could make nothing of."""
        if not isinstance(cls.family, str) or not cls.family:
            return f"family = {cls.family!r}; valid: a word"
        if cls.colour and not (isinstance(cls.colour, str) and re.fullmatch("#[0-9a-f]{6}", cls.colour)):
            return f"colour = {cls.colour!r}; valid: six hexadecimal digits, as in '#2f7fd1'"
        return None

    @abstractmethod
    def parameters(self, input_size: int, hidden_size: int) -> dict[str, Parameter]:
        """What a layer learns, by name."""

    def weights(self, p: Weights) -> dict[str, Tensor]:
        """The weights in use, computed from the parameters: a matrix made orthogonal, a discretised system, …

        Computed once for a pass over a batch, and differentiated by torch.

        Args:
            p: what `parameters` names, each (K, …).

        Returns:
            What `step` and `output` are given, each (K, …).
        """
        return p

    @abstractmethod
    def step(self, w: Weights, x: Tensor, s: State) -> dict[str, Tensor]:
        """One step.

        Args:
            w: the weights, of K members each: vectors (K, 1, width), matrices (K, rows, columns).
            x: inputs of the step, (K, B, F).
            s: the parts of s_{t-1}, each (K, B, width).

        Returns:
            The parts of s_t. Where one part is computed from another (LSTM's h from c), compute it from
            the returned tensor, so that the part's gradient includes that path.
        """

    def output(self, w: Weights, x: Tensor, s: State) -> Tensor:
        """What the readout and the next layer see of s_t: ``h``, unless a cell says otherwise.

        Args:
            s: the parts of s_t.

        Returns:
            (K, B, `output_size`).
        """
        return s["h"]

    def widths(self, hidden_size: int) -> dict[str, int]:
        """How many numbers each part of the state holds."""
        return dict.fromkeys(self.parts, hidden_size)

    def output_size(self, hidden_size: int) -> int:
        """How many numbers `output` gives."""
        return hidden_size

    def gates(self, w: Weights, x: Tensor, s: State) -> dict[str, Tensor]:
        """Values between 0 and 1 that decide what is kept, by name as in `gate_roles`, each (K, B, width).

        Arguments as those of `step`.
        """
        return {}

    def of_torch(self) -> TorchLayer | None:
        """The layer of `torch.nn` that computes the same; None where there is none."""
        return None

    def recurrence(self, w: Weights, hidden_size: int) -> list[Tensor]:
        """The matrices by which a step multiplies the state, whatever the input, of the weights in use.

        Those that `parameters` calls recurrent; a cell says so where its weights in use have others.

        Returns:
            Matrices (K, n, n), or diagonals of such (K, n), which may be complex. Empty where the inputs decide.
        """
        found: list[Tensor] = []
        for name, parameter in self.parameters(1, hidden_size).items():
            if parameter.kind == "recurrent" and name in w:
                found += w[name].split(hidden_size, dim=-1)
        return found

    def keeps(self, w: Weights, x: Tensor, s: State, hidden_size: int) -> Tensor | None:
        """The share of its memory that each unit keeps in a step by itself, whatever other units do.

        By default what a gate says whose role is to keep or to overwrite, or else the size of a diagonal recurrence's
        factors (`recurrence`).

        Weights, inputs and the state are those of `step`.

        Returns:
            (K, B, n), n the number of units or 1 where all are alike, (K, 1, n) where inputs and states have no say;
            None of a cell whose units keep nothing by themselves.
        """
        for name, role in self.gate_roles.items():
            if role.endswith((": keeps", ": overwrites")):
                gate = self.gates(w, x, s)[name]
                return gate if role.endswith("keeps") else 1 - gate
        flat = Named({name: value[:, 0] if value.shape[1] == 1 else value for name, value in w.items()})
        factors = [each for each in self.recurrence(flat, hidden_size) if each.ndim == 2]
        return factors[0].abs()[:, None] if len(factors) == 1 else None

    def theory(self) -> Theory | None:
        """What `harness.theory` says of it with random weights; None where nothing is known."""
        return None

    def shapes(self, input_size: int, hidden_size: int) -> dict[str, tuple[int, ...]]:
        """The shapes of the weights in use (without K), by name."""
        return {name: shape for name, (shape, _) in self._in_use(input_size, hidden_size).items()}

    def fixed(self, input_size: int, hidden_size: int) -> frozenset[str]:
        """The names of the weights in use that no parameter that is trained has a part in: without a gradient."""
        return frozenset(name for name, (_, trained) in self._in_use(input_size, hidden_size).items() if not trained)

    def _in_use(self, input_size: int, hidden_size: int) -> dict[str, tuple[tuple[int, ...], bool]]:
        """The weights in use by name: their shapes (without K), and whether anything about them is trained."""
        parameters = self.parameters(input_size, hidden_size)
        if type(self).weights is Cell.weights:
            return {name: (parameter.shape, parameter.trained) for name, parameter in parameters.items()}
        import torch

        with torch.enable_grad():
            like = Named({name: torch.ones(1, *p.shape, requires_grad=p.trained) for name, p in parameters.items()})
            return {name: (tuple(each.shape[1:]), each.requires_grad) for name, each in self.weights(like).items()}

    def flaw_of_weights(self, hidden_size: int, input_size: int = 1) -> str | None:
        """What is wrong with `parameters`, by the weight's name; None where nothing is."""
        try:
            found = self.parameters(input_size, hidden_size)
            flaws = {name: flaw for name, each in found.items() if (flaw := each.flaw(hidden_size))}
        except Exception as error:
            return reason(error, self)
        return next((f"weight {name} of shape {found[name].shape}; {flaw}" for name, flaw in flaws.items()), None)


def as_in_a_step(weights: Mapping[str, Any]) -> Weights:
    """Weights (K, …) as `Cell.step` is given them: a vector gets a dimension for the batch."""
    return Named({name: value[:, None] if value.ndim == 2 else value for name, value in weights.items()})
