"""From an experiment's batches to tensors: one stream of data per purpose and seed."""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from harness.batch import Batch
from harness.errors import UserError
from harness.experiment import Experiment
from harness.faults import faults
from harness.outputs import Outputs, masked_mean
from harness.seeds import stream
from harness.settings import Settings


@dataclass(frozen=True)
class Data:
    """A batch for every member, ready for the network.

    Attributes:
        meaning: what the outputs mean.
        inputs: (K, T, B, input_size); tokens are one-hot.
        targets: (K, B, S), or (K, B, S, n).
        mask: which outputs count in the loss, (K, B, S).
        judged: which outputs count in the accuracy, (K, B, S).
        scored: the S steps (1-based) that are scored.
        cue: (K, B, C), the steps (1-based) that hold the information.
        batches: what each member's data were made of.
        continues: whether the sequences go on where those of the batch before ended: the state is carried.
    """

    meaning: Outputs
    inputs: Tensor
    targets: Tensor
    mask: Tensor
    judged: Tensor
    scored: list[int]
    cue: NDArray[np.int64]
    batches: list[Batch]
    continues: bool = False

    def loss(self, outputs: Tensor) -> Tensor:
        """Loss of every sample (K, B) from outputs (K, B, S, size): the mean over its scored outputs."""
        return masked_mean(self.meaning.loss(outputs, self.targets), self.mask)

    def right(self, outputs: Tensor) -> Tensor:
        """How many judged outputs of each sample are right, (K, B)."""
        return (self.meaning.right(outputs, self.targets) & self.judged).sum(dim=2)

    def only(self, members: Sequence[int]) -> Data:
        """The data of some members."""
        rows = list(members)
        return replace(
            self,
            **{name: getattr(self, name)[rows] for name in ("inputs", "targets", "mask", "judged", "cue")},
            batches=[self.batches[row] for row in rows],
        )

    def chunks(self, size: int) -> list[Data]:
        """The same data in pieces of at most ``size`` samples."""
        return [self.samples(start, start + size) for start in range(0, self.targets.shape[1], size)]

    def samples(self, start: int, stop: int) -> Data:
        """Some of the samples; ``batches`` stay whole."""
        by_sample = {name: getattr(self, name)[:, start:stop] for name in ("targets", "mask", "judged", "cue")}
        return replace(self, inputs=self.inputs[:, :, start:stop], **by_sample)


class Streams:
    """The data of one purpose (train, eval, probe): members of equal seed see equal samples.

    The stream depends on the task, its length and the seed, so that runs that differ only in cell or weight
    scale see the same data.
    """

    def __init__(self, members: Sequence[Settings], purpose: str):
        first = members[0]
        self.experiment, self.seq_len, self.device = first.experiment, first.seq_len, first.device
        self.seeds = [member.seed for member in members]
        self.rngs = {
            seed: stream(seed, purpose, self.experiment.name, self.seq_len) for seed in dict.fromkeys(self.seeds)
        }
        self._pending: list[Data] = []

    @property
    def at_a_beginning(self) -> bool:
        """Whether the next batch starts sequences of its own: nothing but the generators need be kept."""
        return not self._pending

    def only(self, members: Sequence[int]) -> Streams:
        """The streams of some members, which go on where they are."""
        made = copy.copy(self)
        made.seeds = [self.seeds[member] for member in members]
        made.rngs = {seed: self.rngs[seed] for seed in dict.fromkeys(made.seeds)}
        made._pending = [data.only(members) for data in self._pending]
        return made

    def next(self, batch_size: int, dtype: torch.dtype) -> Data:
        """The next batch of every member: of a task with windows, the next window."""
        if not self._pending:
            windows = self.experiment.windows
            length = windows * self.seq_len
            drawn = self._drawn(self.experiment.sample, batch_size, length)
            pieces = {seed: batch.windows(windows) for seed, batch in drawn.items()}
            self._pending = [
                self._ready({seed: own[place] for seed, own in pieces.items()}, dtype, continues=place > 0)
                for place in range(windows)
            ]
        return self._pending.pop(0)

    def held_out(self, samples: int, dtype: torch.dtype) -> Data:
        """Held-out samples of every member; of a task with windows, long sequences that hold as many windows."""
        windows = self.experiment.windows
        count, length = max(1, samples // windows), windows * self.seq_len
        return self._ready(self._drawn(self.experiment.held_out, count, length), dtype)

    def _drawn(self, draw: Callable[..., Batch], count: int, length: int) -> dict[int, Batch]:
        """A batch for every seed.

        Raises:
            UserError: what the experiment draws does not fit what it says of itself.
        """
        found = {seed: draw(rng, count, length) for seed, rng in self.rngs.items()}
        for batch in found.values():
            for fault in faults(self.experiment, batch, (count, length)):
                raise UserError(f"experiment {self.experiment.name}: {draw.__name__} draws {fault}")
        return found

    def _ready(self, drawn: dict[int, Batch], dtype: torch.dtype, continues: bool = False) -> Data:
        batches = [drawn[seed] for seed in self.seeds]
        inputs = {seed: encode(self.experiment, batch, dtype).to(self.device) for seed, batch in drawn.items()}
        targets = torch.from_numpy(np.stack([batch.targets for batch in batches])).to(self.device)
        return Data(
            meaning=self.experiment.outputs,
            inputs=torch.stack([inputs[seed] for seed in self.seeds]),
            targets=targets.to(dtype) if self.experiment.outputs.dtype == "f" else targets.long(),
            mask=torch.from_numpy(np.stack([batch.mask for batch in batches])).to(self.device),
            judged=torch.from_numpy(np.stack([batch.judged for batch in batches])).to(self.device),
            scored=batches[0].scored.tolist(),
            cue=np.stack([batch.cue for batch in batches]),
            batches=batches,
            continues=continues,
        )


def encode(experiment: Experiment, batch: Batch, dtype: torch.dtype) -> Tensor:
    """Inputs as (T, B, input_size)."""
    inputs = torch.from_numpy(batch.inputs).transpose(0, 1)
    if inputs.ndim == 2:
        one_hot = inputs.new_zeros(*inputs.shape, experiment.input_size, dtype=dtype)
        return one_hot.scatter_(-1, inputs.long()[..., None], 1.0)
    return inputs.to(dtype).contiguous()
