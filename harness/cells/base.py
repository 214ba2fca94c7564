"""Cells: each module here is one plugin, a recurrence that reads like its equations.

A cell names its weights (`Cell.parameters`) and computes a step from them (`Cell.step`), with ``@`` for products and
the functions of `harness.cells.functions`. The engine (`harness.engine.scan`) reads the step, derives its gradient and
runs both over time; a step that it cannot read runs all the same, by automatic differentiation.

torch is named in annotations only: a cell can be listed and chosen without loading it.
"""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Literal, TypeVar

from pydantic import Field, ValidationInfo, field_validator

from harness.base.errors import reason
from harness.base.options import INIT_ONLY, Options
from harness.base.pluggable import Pluggable

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from torch import Tensor

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
            columns = self.shape[-1] if len(self.shape) in (1, 2) else -1
            fits = columns % hidden_size == 0 and self.shape[:-1] in ((), (hidden_size,))
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
class Chrono:
    """A bias at which a unit keeps its state for about as many steps as its lag, drawn from U(1, ``longest_lag`` - 1).

    The bias is ``sign`` · ln(lag): 1 for a gate that keeps, -1 for one that writes. All of a layer share the lags.

    Source: Tallec, Ollivier, "Can recurrent neural networks warp time?", ICLR 2018, chrono initialization.
    """

    longest_lag: int
    sign: float


Start = float | Chrono
"""Where the biases of a gate start."""


def biases(hidden_size: int, *starts: Start) -> Parameter:
    """The biases of one or several gates side by side, (number of gates · H,)."""
    numbers = [start for start in starts if not isinstance(start, Chrono)]
    shape = (len(starts) * hidden_size,)
    if len(numbers) == len(starts):
        return Parameter(shape, "constant", tuple(numbers))

    def draw(rng: np.random.Generator) -> NDArray[np.float64]:
        import numpy as np

        shares = rng.uniform(0, 1, hidden_size)
        return np.concatenate(
            [
                start.sign * np.log(1 + shares * (start.longest_lag - 2))
                if isinstance(start, Chrono)
                else np.full(hidden_size, start)
                for start in starts
            ]
        )

    return Parameter(shape, "drawn", draw=draw, stream="chrono")


def gates(
    *names: str, input_size: int, hidden_size: int, bias: Mapping[str, Start] | None = None
) -> dict[str, Parameter]:
    """The weights of gates that read the input and the state: ``x_<gate>``, ``h_<gate>`` and ``b_<gate>`` of each.

    Args:
        bias: where the biases of some gates start (`biases`); 0 for the others.
    """
    found: dict[str, Parameter] = {}
    for name in names:
        found[f"x_{name}"] = Parameter((input_size, hidden_size), "dense")
        found[f"h_{name}"] = Parameter((hidden_size, hidden_size), "recurrent")
        found[f"b_{name}"] = biases(hidden_size, (bias or {}).get(name, 0.0))
    return found


class Cell(Options, Pluggable):
    """What the engine knows of any cell. Fields are its options (``cell.*``).

    Attributes:
        name: the cell's name on the command line.
        family: what it is grouped with: ``classic``, ``gated``, ``oscillators``, ``constrained``, ``continuous``,
            ``linear``, ``matrix``, ``controls``, or another word.
        parts: names of the state's parts.
        memory: the part that carries information over time; per-run figures are read from it.
        has_memory: whether anything is carried over time at all.
        gate_roles: by name of what `gates` gives what it does, in a few words: ``forget gate: keeps``.
    """

    kind: ClassVar[str] = "cell"
    name: ClassVar[str]
    family: ClassVar[str] = "others"
    parts: ClassVar[tuple[str, ...]] = ("h",)
    memory: ClassVar[str] = "h"
    has_memory: ClassVar[bool] = True
    gate_roles: ClassVar[dict[str, str]] = {}

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


class Gated(Cell):
    """A cell with a gate that decides what it remembers, and where the bias of that gate starts.

    A cell with a gate that keeps has an option ``forget_bias`` and gives `keeping` of it to `gates` or `biases`; one
    with a gate that overwrites has ``update_bias`` and gives `overwriting`. A second gate that mirrors the first (an
    LSTM's input gate) starts at `overwriting` of 0.
    """

    gate_init: Literal["constant", "chrono"] = Field(
        "constant",
        json_schema_extra=INIT_ONLY,
        description="bias at which the remembering gate starts: the same for all units, or chrono: drawn, so that units"
        " remember for 1 to longest_lag steps",
    )
    longest_lag: int | None = Field(
        None,
        ge=3,
        validate_default=True,
        json_schema_extra=INIT_ONLY,
        description="for gate_init=chrono: over how many steps to remember at most, such as the length of a sequence",
    )

    @field_validator("longest_lag")
    @classmethod
    def _given_for_chrono(cls, value: int | None, info: ValidationInfo) -> int | None:
        if value is None and info.data.get("gate_init") == "chrono":
            raise ValueError("gate_init=chrono draws from it; valid: a number of steps, such as seq_len")
        return value

    def keeping(self, bias: float) -> Start:
        """Where the biases of a gate start that keeps where it is 1."""
        return bias if self.longest_lag is None or self.gate_init == "constant" else Chrono(self.longest_lag, 1.0)

    def overwriting(self, bias: float) -> Start:
        """Where the biases of a gate start that overwrites, or writes, where it is 1."""
        return bias if self.longest_lag is None or self.gate_init == "constant" else Chrono(self.longest_lag, -1.0)


def as_in_a_step(weights: Mapping[str, Any]) -> Weights:
    """Weights (K, …) as `Cell.step` is given them: a vector gets a dimension for the batch."""
    return Named({name: value[:, None] if value.ndim == 2 else value for name, value in weights.items()})
