"""How many units are where their function is flat?"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

from pydantic import Field

from harness.analysis.words import spread
from harness.probes.base import Probe

if TYPE_CHECKING:
    import pandas as pd
    from torch import Tensor

    from harness.cells.base import Cell, State, Weights
    from harness.measure.moment import Moment

COLUMNS = ["member", "layer", "unit", "role", "t", "share", "slope"]

SLOPES: dict[str, Callable[[Any], Any]] = {
    "sigmoid": lambda y: 4 * y * (1 - y),
    "tanh": lambda y: 1 - y * y,
    "relu": lambda y: (y > 0).to(y.dtype),
}
"""Functions of units, and their slope from their value y, as a share of the largest slope."""


class Saturation(Probe):
    """The share of units whose function is flat where they are, gate by gate, step by step: no gradient passes there.

    A row per member, layer, function and time step that a sample has. ``unit`` is the gate's name where the function
    gives one of the cell's gates, with its ``role`` in words, else the function's own name (``tanh``, ``sigmoid``,
    ``relu``; numbered where there are several). ``share`` is the share of units and samples whose slope is less than
    ``limit`` of the largest that the function has, ``slope`` the mean slope, on the same scale from 0 to 1. A sigmoid
    is flat near 0 and 1, a tanh near -1 and 1, a ReLU below 0. Functions are found by running the cell's step and
    watching which it calls, so that every cell has rows whose step calls one of these; NaN where values are not finite.

    Costs about one plain probe (32 units, T = 20, CPU time): a step of the cell at each of the chosen time steps.
    Memory: one step's values.

    Source: Glorot, Bengio, "Understanding the difficulty of training deep feedforward neural networks", AISTATS 2010
    (saturated units); Karpathy, Johnson, Fei-Fei, "Visualizing and understanding recurrent networks", arXiv:1506.02078,
    2015 (gates).
    """

    name = "saturation"

    limit: float = Field(0.1, gt=0, lt=1, description="share of the largest slope below which a unit counts as flat")
    steps: int = Field(12, ge=1, description="time steps to look at, spread evenly over the sequence")

    def measure(self, moment: Moment) -> pd.DataFrame:
        import pandas as pd

        from harness.cells.base import Named, as_in_a_step

        cell, rows = moment.network.shape.cell, []
        for layer in range(1, moment.network.shape.num_layers + 1):
            weights = as_in_a_step(moment.network.layer(layer))
            for t in map(int, spread(range(1, moment.data.inputs.shape[1] + 1), self.steps)):
                before = Named({part: values[:, t - 1] for part, values in moment.states[layer - 1].items()})
                there = None if moment.data.lengths is None else moment.data.reach(t)
                for name, function, values in called(cell, weights, moment.entering(layer, t), before):
                    slopes = SLOPES[function](values).where(values.isfinite(), float("nan")).double()
                    flat = (slopes < self.limit).double().where(slopes.isfinite(), float("nan"))
                    found = zip(*(over_samples(each, there) for each in (flat, slopes)), strict=True)
                    role = cell.gate_roles.get(name, "")
                    rows += [
                        (member, layer, name, role, t, *own)
                        for member, own in enumerate(found)
                        if there is None or there[member].any()
                    ]
        return pd.DataFrame(rows, columns=COLUMNS)


def over_samples(values: Tensor, there: Tensor | None) -> list[float]:
    """The mean of each member over units and those samples that are there (all: None), of (K, B, n) and (K, B)."""
    if there is None:
        everywhere: list[float] = values.flatten(1).mean(1).tolist()
        return everywhere
    total = values.where(there[..., None], 0).sum((1, 2))
    found: list[float] = (total / (there.sum(1) * values.shape[-1])).tolist()
    return found


def called(cell: Cell, weights: Weights, x: Tensor, before: State) -> Iterator[tuple[str, str, Tensor]]:
    """The functions of units that a step calls, in their order: a name for each, the function, its values (K, B, n)."""
    import torch
    from torch.overrides import TorchFunctionMode

    found: list[tuple[str, Tensor]] = []

    class Watching(TorchFunctionMode):
        def __torch_function__(
            self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
        ) -> Any:
            value = func(*args, **(kwargs or {}))
            name = getattr(func, "__name__", "").rstrip("_")
            if name in SLOPES and isinstance(value, torch.Tensor) and value.shape[:2] == x.shape[:2]:
                found.append((name, value))
            return value

    gates = cell.gates(weights, x, before)
    with Watching():
        cell.step(weights, x, before)
    kinds = [name for name, _ in found]
    for place, (function, values) in enumerate(found):
        of_gate = _gate_of(values, gates)
        number = f" {kinds[: place + 1].count(function)}" if kinds.count(function) > 1 else ""
        for name, own in of_gate or [(function + number, values)]:
            yield name, function, own


def _gate_of(values: Tensor, gates: dict[str, Tensor]) -> list[tuple[str, Tensor]]:
    """The gates that these values are, or one minus them, whole or side by side; none where they are not."""
    found: dict[int, tuple[str, Tensor]] = {}
    for name, gate in gates.items():
        width = gate.shape[-1]
        for start in range(0, values.shape[-1] - width + 1, width):
            piece = values[..., start : start + width]
            if start not in found and piece.shape == gate.shape and (_equal(piece, gate) or _equal(piece, 1 - gate)):
                found[start] = name, piece
                break
    whole = sum(piece.shape[-1] for _, piece in found.values())
    return [found[start] for start in sorted(found)] if whole == values.shape[-1] else []


def _equal(one: Tensor, other: Tensor) -> bool:
    """Whether values are the same; what is no number, of a member that has diverged, tells nothing."""
    known = one.isfinite() & other.isfinite()
    return bool(known.any() and one.isfinite().equal(other.isfinite()) and one[known].equal(other[known]))
