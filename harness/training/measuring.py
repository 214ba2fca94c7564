"""The members of a pack, measured in blocks: all at once would take more memory than training them does.

Networks do not mix, so that a member's numbers do not depend on the block that it is in. What a block needed is free
again when it is done: a pack trains beside nothing that only a measurement has filled.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd
from torch import Tensor

from harness.engine.network import Network
from harness.measure.measurement import Measurement, measure
from harness.measure.moment import Moment
from harness.probes.base import Probe, measured
from harness.settings.settings import Settings
from harness.tasks.data import Data


@dataclass(frozen=True)
class Measured:
    """Networks, and what they are measured on.

    Attributes:
        network, held_out: in the precision of the training.
        probed, probe_data: in the precision of the probes.
        seeds: of the members.
    """

    network: Network
    probed: Network
    held_out: Data
    probe_data: Data
    seeds: Sequence[int]

    def block(self, rows: slice) -> Measured:
        """Some of the members, by networks that hold nothing yet; their data are copied if there are others."""
        held_out, probe_data = self.held_out, self.probe_data
        if rows != slice(0, len(self.seeds)):
            members = range(rows.start, rows.stop)
            held_out, probe_data = held_out.only(members), probe_data.only(members)
        network, probed = (each.with_weights(each.flat[rows]) for each in (self.network, self.probed))
        return Measured(network, probed, held_out, probe_data, self.seeds[rows])


def blocks(members: int, at_once: int) -> list[slice]:
    """So many members in blocks of about the same size.

    >>> blocks(7, 3)
    [slice(0, 3, None), slice(3, 5, None), slice(5, 7, None)]
    """
    count = max(1, math.ceil(members / at_once))
    sizes = [members // count + (place < members % count) for place in range(count)]
    ends = [sum(sizes[: place + 1]) for place in range(count)]
    return [slice(end - size, end) for end, size in zip(ends, sizes, strict=True)]


def measured_in_blocks(
    all_members: Measured, run: Settings, step: int, clipped: Tensor, at_once: int
) -> tuple[Measurement, list[tuple[Probe, pd.DataFrame]]]:
    """All that is measured of members as they stand, and what probes (plugins) measure.

    Args:
        run: one of theirs.
        step: training steps done.
        clipped: see `Measurement`.
        at_once: see `harness.training.memory.Memory`.
    """
    probes = [each for each in run.probes.values() if isinstance(each, Probe)]
    found: list[Measurement] = []
    frames: list[list[pd.DataFrame]] = [[] for _ in probes]
    for rows in blocks(len(all_members.seeds), at_once):
        own = all_members.block(rows)
        moment = Moment(own.probed, own.probe_data, run.experiment, step, own.seeds)
        found.append(measure(own.network, own.held_out, moment, own.seeds, clipped[rows]))
        for into, (_, frame) in zip(frames, measured(probes, moment), strict=True):
            into.append(frame.assign(member=frame["member"] + rows.start) if rows.start else frame)
    return Measurement.of_all(found), [(probe, _of_all(each)) for probe, each in zip(probes, frames, strict=True)]


def _of_all(frames: Sequence[pd.DataFrame]) -> pd.DataFrame:
    # One without rows has columns without types.
    return pd.concat([each for each in frames if len(each)] or frames, ignore_index=True)
