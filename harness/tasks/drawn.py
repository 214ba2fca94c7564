"""A batch for every member as it was drawn, and how it gets to a device: in few bytes, and without waiting."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from harness.base.sending import indices, sent
from harness.tasks.batch import Batch
from harness.tasks.data import Data
from harness.tasks.outputs import Outputs


@dataclass(frozen=True)
class Drawn:
    """A batch for every member, on the host.

    Attributes:
        data: of the members themselves where ``rows`` is None; else its tensors have a row for every seed, and its
            whole numbers the smallest type that holds them.
        rows: for every member the row that is its own.
        types: those of the tensors on the device, by name.
    """

    data: Data
    rows: list[int] | None
    types: dict[str, torch.dtype]

    def on(self, device: torch.device) -> Data:
        """The data of every member, on the device that it was drawn for."""
        if self.rows is None:
            return self.data
        own = {name: getattr(self.data, name) for name in self.types}
        # Every seed is sent once; members of the same seed get their copies there.
        alone = self.rows == list(range(len(own["inputs"])))
        rows = None if alone else indices(self.rows, device)
        made: dict[str, Any] = {
            name: self._made(values, rows, self.types[name], device) for name, values in own.items()
        }
        return replace(self.data, **made)

    def only(self, members: Sequence[int]) -> Drawn:
        """That of some members."""
        if self.rows is None:
            return replace(self, data=self.data.only(members))
        chosen = list(members)
        data = replace(
            self.data,
            cue=self.data.cue[chosen],
            answer=self.data.answer[chosen],
            batches=[self.data.batches[member] for member in chosen],
        )
        return replace(self, data=data, rows=[self.rows[member] for member in chosen])

    def _made(self, values: Tensor, rows: Tensor | None, kind: torch.dtype, device: torch.device) -> Tensor:
        if kind == torch.bool and bool(values.all()):  # on the host; most masks are like this
            assert self.rows is not None
            return torch.ones(len(self.rows), *values.shape[1:], dtype=kind, device=device)
        there = sent(values, device)
        return (there if rows is None else there.index_select(0, rows)).to(kind)


def drawn(
    own: Sequence[Batch],
    rows: Sequence[int],
    meaning: Outputs,
    dtype: torch.dtype,
    device: torch.device,
    continues: bool,
) -> Drawn:
    """Batches for members; see `ready`."""
    on_cpu, types = device.type == "cpu", {}

    def tensor(name: str, arrays: list[NDArray[Any]], kind: torch.dtype) -> Tensor:
        types[name], values = kind, np.stack(arrays)
        if on_cpu:
            return torch.from_numpy(values.take(rows, axis=0)).to(kind)
        found = torch.from_numpy(smallest(values))
        # Real numbers cross in the precision that is wanted; whole ones get their type there.
        return found.to(kind) if kind.is_floating_point else found

    tokens, ragged = own[0].inputs.ndim == 2, any(batch.lengths is not None for batch in own)
    scored = np.unique(np.concatenate([batch.scored for batch in own]))
    laid_out = [batch.with_places(scored) for batch in own]
    alike = all(len(batch.scored) == len(scored) for batch in own)
    data = Data(
        meaning=meaning,
        inputs=tensor("inputs", [batch.inputs.swapaxes(0, 1) for batch in own], torch.int64 if tokens else dtype),
        targets=tensor("targets", [each.targets for each in laid_out], dtype if meaning.dtype == "f" else torch.int64),
        mask=tensor("mask", [batch.mask for batch in laid_out], torch.bool),
        judged=tensor("judged", [batch.judged for batch in laid_out], torch.bool),
        scored=scored.tolist(),
        cue=np.stack([batch.cue for batch in own])[list(rows)],
        batches=[own[row] for row in rows],
        all_count=alike and all(batch.mask.all() for batch in own) and not ragged,
        continues=continues,
        answer=np.stack([batch.answer for batch in own])[list(rows)],
        lengths=tensor("lengths", [batch.ends for batch in own], torch.int64) if ragged else None,
        in_order=ragged or not alike,
    )
    return Drawn(data, None if on_cpu else list(rows), types)


def ready(
    own: Sequence[Batch],
    rows: Sequence[int],
    meaning: Outputs,
    dtype: torch.dtype,
    device: str = "cpu",
    continues: bool = False,
) -> Data:
    """Batches as data for members.

    Args:
        own: batches of equal form; where other steps are scored in another one, all of these steps are read.
        rows: for every member the number of its batch.
        meaning, continues: see `Data`.
    """
    there = torch.device(device)
    return drawn(own, rows, meaning, dtype, there, continues).on(there)


def smallest(values: NDArray[Any]) -> NDArray[Any]:
    """Whole numbers in the smallest type that holds them, and other values as they are."""
    if values.dtype.kind not in "iu" or not values.size:
        return values
    low, high = values.min(), values.max()
    for kind in (np.uint8, np.int16, np.int32):
        if np.iinfo(kind).min <= low and high <= np.iinfo(kind).max:
            return values.astype(kind)
    return values
