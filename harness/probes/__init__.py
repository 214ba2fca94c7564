"""Probes: each module here is one plugin, something measured whenever gradients are probed.

``probes=[gates]`` turns them on, by name; their options stand under ``probes.<name>.*``.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from functools import cached_property
from typing import ClassVar, Literal

import pandas as pd
import torch
from torch import Tensor

from harness.cells import PointwiseCell
from harness.data import Data
from harness.errors import UserError
from harness.network import LayerSteps, Network
from harness.options import Options
from harness.settings import Settings


class Moment:
    """The networks of a pack as they stand at one probe, and what can be computed from them.

    Everything is in the precision of the probe (``probe.dtype``), on the fixed probe batch.

    Attributes:
        network: K members; its weights are not to be changed.
        data: the probe batch.
        members: the settings of each member.
        step: training steps done.
    """

    def __init__(self, network: Network, data: Data, members: Sequence[Settings], step: int):
        self.network = network
        self.data = data
        self.members = members
        self.step = step

    @cached_property
    def states(self) -> list[dict[str, Tensor]]:
        """For each layer and each part of the state (K, T + 1, B, H): s_0, s_1, …, s_T."""
        traces = self.network.forward(self.data.inputs)
        return [{part: values.clone() for part, values in trace.states.items()} for trace in traces]

    @cached_property
    def gradients(self) -> LayerSteps:
        """For each layer (from 1) the total derivatives d l_b / d s_t of every sample's own loss.

        ``gradients[1].totals["h"]`` has the shape (K, T, B, H), ``gradients[1].norms["h"]`` (K, T, B).
        """
        keep = self.network.step_gradients(self.data.inputs, totals=True)
        unused = torch.zeros_like(self.network.flat)
        self.network.gradients(self.data.inputs, self.data.scored, self.data.loss, unused, keep)
        return keep

    def pre_activations(self, layer: int) -> dict[str, Tensor]:
        """By gate what enters it in a layer (1-based) of a `PointwiseCell`, before any function: (K, T, B, H)."""
        cell, size = self.network.shape.cell, self.network.shape.hidden_size
        assert isinstance(cell, PointwiseCell)
        weights, into, back = self.network.layer(layer), cell.input_blocks(), cell.recurrent_blocks()
        below = self.data.inputs if layer == 1 else self.states[layer - 2]["h"][:, 1:]
        pre = below.new_zeros(*below.shape[:3], len(cell.gates) * size)
        pre[..., into.start * size : into.stop * size] += below @ weights["input"][:, None]
        if "recurrent" in weights:
            # h_{t-1} stands one place before h_t.
            before = self.states[layer - 1]["h"][:, :-1]
            pre[..., back.start * size : back.stop * size] += before @ weights["recurrent"][:, None]
        if "bias" in weights:
            pre += weights["bias"][:, None, None]
        return dict(zip(cell.gates, pre.split(size, dim=-1), strict=True))

    def jacobian(self, layer: int, step: int) -> Tensor:
        """d s_t / d s_{t-1} of a layer at a step (both 1-based): (K, B, P · H, P · H), parts in the cell's order."""
        cell, size = self.network.shape.cell, self.network.shape.hidden_size
        below = self.data.inputs if layer == 1 else self.states[layer - 2]["h"][:, 1:]
        before = torch.cat([self.states[layer - 1][part][:, step - 1] for part in cell.parts], dim=-1)
        weights, x = self.network.layer(layer), below[:, step - 1]

        def after(state: Tensor) -> Tensor:
            parts = dict(zip(cell.parts, state.split(size, dim=-1), strict=True))
            made = cell.apply(weights, x, parts)
            return torch.cat([made[part] for part in cell.parts], dim=-1)

        with torch.enable_grad():
            state = before.detach().requires_grad_()
            result = after(state)
            # Samples and members do not interact: the sum over them leaves each its own row.
            rows = [
                torch.autograd.grad(result[..., row].sum(), state, retain_graph=True)[0]
                for row in range(result.shape[-1])
            ]
        return torch.stack(rows, dim=-2)


class Probe(Options, ABC):
    """Something to measure at every probe. Fields are its options (``probes.<name>.*``).

    Attributes:
        name: the probe's name on the command line and, for a table, the table's.
        adds: ``table``: what is measured becomes a table of its own, ``tables.<name>``, with ``run_id`` and
            ``step``; ``columns``: one row per member, whose columns join the table ``curves`` as
            ``<name>.<column>``.
    """

    name: ClassVar[str]
    adds: ClassVar[Literal["table", "columns"]] = "table"

    @abstractmethod
    def measure(self, moment: Moment) -> pd.DataFrame:
        """Measure every member.

        Returns:
            Rows with the column ``member`` (0 … K - 1), and whatever else was measured. A member of whom there is
            nothing to say, say one of a cell without gates, has no row.
        """


def measured(moment: Moment) -> list[tuple[Probe, pd.DataFrame]]:
    """What the probes of these runs measure.

    Raises:
        UserError: what a probe returns cannot be put into a table.
    """
    probes = [each for each in moment.members[0].probes.values() if isinstance(each, Probe)]
    found = [(probe, probe.measure(moment)) for probe in probes]
    for probe, frame in found:
        if problem := fault(probe, frame, len(moment.members)):
            raise UserError(f"probe {probe.name}: {problem}")
    return found


RESERVED = {"run_id", "step"}
"""Columns that the harness fills."""


def fault(probe: Probe, frame: object, members: int) -> str | None:
    """What is wrong with the form of what a probe returned; None where nothing is."""
    if not isinstance(frame, pd.DataFrame) or "member" not in frame:
        return "measure returns no table with a column member; valid: a DataFrame with one"
    if not frame["member"].isin(range(members)).all():
        return f"measure returns a member outside of 0 to {members - 1}"
    if clash := RESERVED & set(frame):
        return f"measure returns the columns {sorted(clash)}, which are filled by the harness"
    if probe.adds == "columns" and not frame["member"].is_unique:
        return "adds columns, but measure gives a member several rows; valid: one row per member, or adds = 'table'"
    return None
