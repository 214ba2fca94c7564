"""One pack of runs from start to end: build, train, probe, write down."""

from __future__ import annotations

import copy
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from harness.checkpoint import Checkpoint, State
from harness.experiment import Batch, Experiment
from harness.network import MemberInit, Network, Shape
from harness.probe import probe
from harness.record import Record
from harness.seeds import stream
from harness.settings import Settings
from harness.training import MemberOptimizer

EVAL_SAMPLES = 512
"""Held-out samples behind every accuracy."""

EVAL_CHUNK = 128
"""Samples evaluated at once: bounds the memory of an evaluation."""

SHOWN_SAMPLES = 4
"""Held-out samples that each run answers in words, for the report."""

Tick = Callable[[int], None]
"""Called with the number of training steps done."""


@dataclass(frozen=True)
class Data:
    """A batch for every member, ready for the network.

    Attributes:
        inputs: (K, T, B, input_size); tokens are one-hot.
        targets: (K, B, S).
        scored: the S steps (1-based) that are scored.
        cue: (K, B), the step (1-based) that holds the information.
        batches: what each member's data were made of.
    """

    inputs: Tensor
    targets: Tensor
    scored: list[int]
    cue: np.ndarray
    batches: list[Batch]

    def only(self, members: Sequence[int]) -> Data:
        """The data of some members."""
        rows = list(members)
        return Data(
            self.inputs[rows], self.targets[rows], self.scored, self.cue[rows], [self.batches[row] for row in rows]
        )

    def chunks(self, size: int) -> list[Data]:
        """The same data in pieces of at most ``size`` samples."""
        count = self.targets.shape[1]
        return [
            Data(
                self.inputs[:, :, start : start + size],
                self.targets[:, start : start + size],
                self.scored,
                self.cue[:, start : start + size],
                self.batches,
            )
            for start in range(0, count, size)
        ]


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

    def only(self, members: Sequence[int]) -> Streams:
        """The streams of some members, which go on where they are."""
        made = copy.copy(self)
        made.seeds = [self.seeds[member] for member in members]
        made.rngs = {seed: self.rngs[seed] for seed in dict.fromkeys(made.seeds)}
        return made

    def next(self, batch_size: int, dtype: torch.dtype) -> Data:
        """The next batch of every member."""
        drawn = {seed: self.experiment.sample(rng, batch_size, self.seq_len) for seed, rng in self.rngs.items()}
        batches = [drawn[seed] for seed in self.seeds]
        encoded = {seed: self._encode(batch, dtype) for seed, batch in drawn.items()}
        return Data(
            inputs=torch.stack([encoded[seed] for seed in self.seeds]),
            targets=torch.from_numpy(np.stack([batch.targets for batch in batches])).to(self.device),
            scored=batches[0].scored.tolist(),
            cue=np.stack([batch.cue for batch in batches]),
            batches=batches,
        )

    def _encode(self, batch: Batch, dtype: torch.dtype) -> Tensor:
        """Inputs as (T, B, input_size)."""
        inputs = torch.from_numpy(batch.inputs).to(self.device).transpose(0, 1)
        if inputs.dtype == torch.int64:
            one_hot = inputs.new_zeros(*inputs.shape, self.experiment.input_size, dtype=dtype)
            return one_hot.scatter_(-1, inputs[..., None], 1.0)
        return inputs.to(dtype).contiguous()


def build(members: Sequence[Settings], dtype: torch.dtype) -> Network:
    """The untrained network of a pack."""
    first = members[0]
    shape = Shape(
        first.cell,
        first.experiment.input_size,
        first.hidden_size,
        first.num_layers,
        first.experiment.output_size,
    )
    inits = [MemberInit(each.cell, each.seed, each.init, each.weight_scale) for each in members]
    return Network.create(shape, inits, dtype, first.device, first.compiled, first.recomputed)


@torch.no_grad()
def run(
    members: Sequence[Settings], tick: Tick = lambda step: None, checkpoint: Checkpoint | None = None
) -> dict[str, pd.DataFrame]:
    """Train the members of a pack together and measure each on its own.

    Args:
        members: runs that differ in nothing but what changes no shape (`harness.settings.PACKED`).
        tick: called after every training step; what it raises ends the run.
        checkpoint: where the state is saved from time to time, and taken from if there is one already.

    Returns:
        The tables of these runs (see `harness.tables.COLUMNS`).
    """
    first, started = members[0], time.perf_counter()
    dtype, probe_dtype = getattr(torch, first.dtype), getattr(torch, first.probe.dtype)
    # Before training there are exact weights to probe: a weight of 0.9, not of 0.9 rounded to float32.
    untrained = build(members, probe_dtype)
    network = build(members, dtype)
    optimizer = MemberOptimizer(network.flat, [each.train for each in members])
    data = Streams(members, "train")
    held_out = Streams(members, "eval").next(EVAL_SAMPLES, dtype)
    probe_data = Streams(members, "probe").next(first.probe.batch_size, probe_dtype)
    record = Record(members, network.flat.shape[1], EVAL_SAMPLES)
    present = list(range(len(members)))

    def measure(step: int) -> None:
        probed = network.to(probe_dtype) if step else untrained
        found = probe(probed, first.experiment, probe_data.inputs, probe_data.targets, probe_data.scored)
        loss, accuracy, outputs = evaluate(network, first.experiment, held_out)
        record.measured(step, present, found, probe_data.cue, loss, accuracy, network.spectral_radius())
        record.answered(present, held_out.batches, outputs[:, :SHOWN_SAMPLES].double().cpu().numpy())

    def go_on_with(staying: list[int]) -> None:
        nonlocal network, data, held_out, probe_data, present
        kept = [place for place, member in enumerate(present) if member in staying]
        network = network.only(kept)
        optimizer.keep(kept, network.flat)
        data, held_out, probe_data = data.only(kept), held_out.only(kept), probe_data.only(kept)
        present = staying

    def state() -> State:
        optimiser = optimizer.optimizer
        return {
            "present": present,
            "weights": network.flat,
            "optimizer": optimiser,
            "data": data.rngs,
            "record": record,
        }

    done = 0
    if checkpoint and (saved := checkpoint.load()):
        go_on_with(saved["present"])
        done = checkpoint.restore(saved, state())
    else:
        measure(0)
    for step in range(done + 1, first.train.steps + 1):
        staying = record.open(present)
        if not staying:
            break
        if worth_leaving_out(len(present), len(staying), network.compiled):
            go_on_with(staying)
        batch = data.next(first.train.batch_size, dtype)
        loss = _loss_and_gradient(network, first.experiment, batch, optimizer.grad)
        record.training_loss(step, present, loss.tolist())
        if not any(record.active):
            measure(step)
            continue
        record.trained(present, optimizer.step([record.active[member] for member in present]))
        if step % first.probe.every == 0 or step == first.train.steps:
            measure(step)
        if checkpoint:
            checkpoint.after(step, state)
        tick(step)
    seconds = time.perf_counter() - started + (checkpoint.seconds if checkpoint else 0.0)
    return record.tables(seconds=seconds / len(members))


def worth_leaving_out(present: int, staying: int, compiled: bool) -> bool:
    """Whether to go on without the members that are done: building anew costs about a step.

    Step by step in torch, a member alone may round otherwise than in company; there, two stay together.
    """
    return 4 * staying <= 3 * present and staying >= (1 if compiled else 2)


def evaluate(network: Network, experiment: Experiment, data: Data) -> tuple[Tensor, Tensor, Tensor]:
    """Mean loss (K,), accuracy (K,) and outputs (K, B, S, output_size) on held-out samples."""
    losses, right, outputs = [], [], []
    for chunk in data.chunks(EVAL_CHUNK):
        found = network.outputs(chunk.inputs, data.scored)
        losses.append(experiment.loss(found, chunk.targets))
        right.append(experiment.correct(found, chunk.targets))
        outputs.append(found)
    accuracy = torch.cat(right, dim=1).double().mean(dim=(1, 2))
    return torch.cat(losses, dim=1).double().mean(1), accuracy, torch.cat(outputs, dim=1)


def _loss_and_gradient(network: Network, experiment: Experiment, batch: Data, grad: Tensor) -> Tensor:
    """The batch loss of every member (K,), and its gradient in ``grad``."""
    loss, _ = network.gradients(
        batch.inputs, batch.scored, lambda outputs: experiment.loss(outputs, batch.targets), grad
    )
    grad /= batch.targets.shape[1]
    return loss.mean(1)
