"""Networks as probes see them, and their derivatives by plain autograd through the cells' steps."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from harness.cells.base import Named, as_in_a_step
from harness.plugins.registry import registry
from harness.probes import Moment
from harness.settings.members import members
from harness.testing._problems import possible_length, small_runs
from harness.training.building import build, streams


def moment(cell: str = "rnn", samples: int = 3, experiment: str = "recall_dish", **changes: Any) -> Moment:
    """Untrained networks on their probe batch.

    Args:
        changes: settings by dotted name; a list of seeds makes several members.
    """
    task = registry().get("experiment", experiment)()
    length = changes.pop("seq_len", possible_length(task, 8))
    made = small_runs(task, registry().get("cell", cell)(), **{"hidden_size": 4, "seq_len": length, **changes})
    data = streams(made, "probe").answering(samples, torch.float64)
    return Moment(build(made, torch.float64), data, made[0].experiment, 0)


def moment_of(made: dict[str, Any], fill: float | None = None) -> Moment:
    """The networks of composed settings on their probe batch.

    Args:
        fill: a value for all weights.
    """
    runs = members(made)
    network = build(runs, torch.float64)
    if fill is not None:
        network.flat.fill_(fill)
    return Moment(network, streams(runs, "probe").next(3, torch.float64), runs[0].experiment, 0)


def later_state(given: Moment, layer: int, member: int, sample: int, begin: int, end: int, state: Tensor) -> Tensor:
    """s_end of a layer, its parts joined, as a function of s_begin (S,), by the cell's plain step."""
    cell = given.network.cells[layer - 1]
    widths = cell.widths(given.network.shape.hidden_size)
    weights = as_in_a_step({name: value[member][None] for name, value in given.network.layer(layer).items()})
    x = given.inputs(layer)[member, :, sample]
    for t in range(begin, end):
        parts = Named(zip(widths, state[None, None].split([*widths.values()], dim=-1), strict=True))
        made = cell.step(weights, x[t][None, None], parts)
        state = torch.cat([made[part] for part in widths], dim=-1)[0, 0]
    return state


def state_at(given: Moment, layer: int, member: int, sample: int, step: int) -> Tensor:
    """s_t, its parts joined, (S,)."""
    return torch.cat([values[member, step, sample] for values in given.states[layer - 1].values()], dim=-1)
