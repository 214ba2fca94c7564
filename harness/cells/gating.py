"""Gates: their weights, and where the biases start of those that decide what is remembered."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from pydantic import Field, ValidationInfo, field_validator

from harness.base.options import INIT_ONLY
from harness.cells.base import Cell, Parameter

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


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


def keeping_bias(gate: str, default: float = 0.0) -> Any:
    """The option ``forget_bias``: the bias at which a gate starts that keeps where it is 1.

    >>> class Mine(Gated):                                     # doctest: +SKIP
    ...     forget_bias: float = keeping_bias("forget gate", 1.0)
    """
    return _bias(f"starting bias of the {gate}; larger remembers longer", default)


def overwriting_bias(gate: str, default: float = 0.0) -> Any:
    """The option ``update_bias``: the bias at which a gate starts that overwrites where it is 1."""
    return _bias(f"starting bias of the {gate}; smaller remembers longer", default)


def _bias(description: str, default: float) -> Any:
    return Field(default, json_schema_extra=INIT_ONLY, description=description)


class Gated(Cell):
    """A cell with a gate that decides what it remembers, and where the bias of that gate starts.

    A cell with a gate that keeps has an option ``forget_bias`` (`keeping_bias`) and gives `keeping` of it to `gates` or
    `biases`; one with a gate that overwrites has ``update_bias`` (`overwriting_bias`) and gives `overwriting`. A second
    gate that mirrors the first (an LSTM's input gate) starts at `overwriting` of 0.

    What chrono draws is right where the share that a unit keeps, or overwrites, is the sigmoid of a bias of its own.
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
