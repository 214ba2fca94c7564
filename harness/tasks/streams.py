"""From an experiment's batches to tensors: one stream of data per purpose and seed."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from harness.base.errors import UserError, place
from harness.base.seeds import stream
from harness.base.sending import sent
from harness.tasks.batch import Batch, each_from
from harness.tasks.data import Data
from harness.tasks.drawn import Drawn, drawn
from harness.tasks.experiment import Experiment
from harness.tasks.faults import faults


@dataclass(frozen=True)
class Position:
    """Where streams are.

    Attributes:
        state: of every seed's random stream.
        pending: windows that were drawn already, and are still to come.
    """

    state: dict[int, Any]
    pending: list[Drawn]


class Streams:
    """The data of one purpose: members of equal seed see equal samples.

    A stream depends on the task, its length and the seed, so that runs that differ only in cell or weight scale see
    the same data.

    Args:
        seeds: of the members, one each.
        purpose: ``train``, ``eval`` or ``probe``.
    """

    def __init__(self, experiment: Experiment, seq_len: int, seeds: Sequence[int], purpose: str, device: str = "cpu"):
        self.experiment, self.seq_len, self.device = experiment, seq_len, torch.device(device)
        self.seeds = list(seeds)
        self.rngs = {seed: stream(seed, purpose, experiment.name, seq_len) for seed in dict.fromkeys(seeds)}
        self._pending: list[Drawn] = []

    @property
    def at_a_beginning(self) -> bool:
        """Whether the next batch starts new sequences: then `state` is all there is to save."""
        return not self._pending

    @property
    def position(self) -> Position:
        """Where they are, to `go_to`."""
        return Position(self.state, [*self._pending])

    def go_to(self, position: Position) -> None:
        """Go on from a `position` of theirs."""
        self.restore(position.state)
        self._pending = [*position.pending]

    @property
    def state(self) -> dict[int, Any]:
        """For every seed where its random stream is."""
        return {seed: rng.bit_generator.state for seed, rng in self.rngs.items()}

    def restore(self, state: Mapping[int, Any]) -> None:
        """Go on from a `state`."""
        for seed, rng in self.rngs.items():
            rng.bit_generator.state = state[seed]

    def only(self, members: Sequence[int]) -> Streams:
        """The streams of some members, which go on where they are."""
        made = copy.copy(self)
        made.seeds = [self.seeds[member] for member in members]
        made.rngs = {seed: self.rngs[seed] for seed in dict.fromkeys(made.seeds)}
        made._pending = [each.only(members) for each in self._pending]
        return made

    def next(self, batch_size: int, dtype: torch.dtype, seq_len: int | None = None, trim: bool = True) -> Data:
        """The next batch of every member: of a task with windows, the next window.

        Args:
            seq_len: its length, where that is another one; not of a task with windows.
            trim: leave out steps that no sample of any member has.
        """
        return self.draw(batch_size, dtype, seq_len, trim).on(self.device)

    def draw(self, batch_size: int, dtype: torch.dtype, seq_len: int | None = None, trim: bool = True) -> Drawn:
        """The same, on the host."""
        if not self._pending:
            windows = self.experiment.windows
            length = windows * (seq_len or self.seq_len)
            batches = self._drawn(self.experiment.sample, batch_size, length)
            pieces = {seed: batch.longest_first().windows(windows) for seed, batch in batches.items()}
            at_place = [{seed: own[place] for seed, own in pieces.items()} for place in range(windows)]
            self._pending = [
                self._on_host(trimmed(own) if trim else own, dtype, continues=place > 0)
                for place, own in enumerate(at_place)
            ]
        return self._pending.pop(0)

    def answering(self, batch_size: int, dtype: torch.dtype, held_out: bool = False) -> Data:
        """A batch with every sample's last judged output: of a task with windows, the window that holds it.

        Of a sequence without a judged output it is the last window.

        Args:
            held_out: of samples that training never sees, where data are finite.
        """
        windows = self.experiment.windows
        draw = self.experiment.held_out if held_out else self.experiment.sample
        batches = self._drawn(draw, batch_size, windows * self.seq_len)
        if windows == 1:
            return self._ready(batches, dtype)
        pieces = {seed: batch.windows(windows) for seed, batch in batches.items()}
        chosen = {seed: _last_judged(batch, self.seq_len) for seed, batch in batches.items()}
        data = self._ready({seed: each_from(pieces[seed], chosen[seed]) for seed in batches}, dtype)
        before = max(int(own.max()) for own in chosen.values())
        earlier = [self._ready({seed: own[place] for seed, own in pieces.items()}, dtype) for place in range(before)]
        window = sent(torch.from_numpy(np.stack([chosen[seed] for seed in self.seeds])), self.device)
        return replace(data, earlier=tuple(each.inputs for each in earlier), window=window)

    def held_out(self, samples: int, dtype: torch.dtype) -> Data:
        """Held-out samples of every member; of a task with windows, long sequences that hold as many windows."""
        windows = self.experiment.windows
        count, length = max(1, samples // windows), windows * self.seq_len
        return self._ready(trimmed(self._drawn(self.experiment.held_out, count, length)), dtype)

    def _drawn(self, draw: Callable[..., Batch], count: int, length: int) -> dict[int, Batch]:
        """A batch for every seed.

        Raises:
            UserError: what the experiment draws does not fit what it says of itself.
        """
        found = {seed: draw(rng, count, length) for seed, rng in self.rngs.items()}
        own = type(self.experiment).held_out is not Experiment.held_out
        drawn_by = draw if own else self.experiment.sample  # what a task does not write itself is `sample`'s work
        who = f"experiment {self.experiment.name}: {drawn_by.__name__} ({place(drawn_by)}) draws"
        for batch in found.values():
            for fault in faults(self.experiment, batch, (count, length)):
                raise UserError(f"{who} {fault}")
        return found

    def _ready(self, batches: dict[int, Batch], dtype: torch.dtype) -> Data:
        return self._on_host(batches, dtype, continues=False).on(self.device)

    def _on_host(self, batches: dict[int, Batch], dtype: torch.dtype, continues: bool) -> Drawn:
        # One copy of what is drawn for each seed, then a row of it for every member of that seed.
        row = {seed: number for number, seed in enumerate(batches)}
        rows = [row[seed] for seed in self.seeds]
        return drawn(list(batches.values()), rows, self.experiment.outputs, dtype, self.device, continues)


def trimmed(batches: dict[int, Batch]) -> dict[int, Batch]:
    """The batches without the steps that no sample of any of them has; of a window that is all over, one is left."""
    longest = max(1, *(int(batch.ends.max()) for batch in batches.values()))
    return {seed: batch.until(longest) for seed, batch in batches.items()}


def _last_judged(batch: Batch, length: int) -> NDArray[np.int64]:
    """For every sample the window, from 0, that holds its last judged output; the last one where there is none."""
    answer = np.where(batch.answer > 0, batch.answer, batch.length)
    return (answer - 1) // length
