"""One pack of runs from start to end: build, train, measure, write down."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any

import pandas as pd
import torch
from torch import Tensor

from harness.cells.base import Named
from harness.engine.network import LayerStates, Network
from harness.engine.optimizer import MemberOptimizer
from harness.engine.weights import Architecture, MemberInit
from harness.measure.evaluation import EVAL_SAMPLES
from harness.measure.measurement import Measurement, measure
from harness.measure.moment import Moment
from harness.measure.windows import carried
from harness.probes.base import Probe, measured
from harness.settings.settings import Settings
from harness.tasks.streams import Streams
from harness.training.checkpoint import Checkpoint
from harness.training.keeping import Keeper
from harness.training.record import Record

Tick = Callable[[int], None]
"""Called with the number of training steps done."""

Hopeless = Callable[[Record], bool]
"""Asked after each measurement during the training, with all that is known: whether to end it there."""


def never(record: Record) -> bool:
    """Prunes nothing."""
    return False


@torch.no_grad()
def run(
    runs: Sequence[Settings],
    tick: Tick = lambda step: None,
    checkpoint: Checkpoint | None = None,
    hopeless: Hopeless = never,
    keeper: Keeper | None = None,
) -> dict[str, pd.DataFrame]:
    """Train the runs of a pack together and measure each on its own.

    Args:
        runs: they differ in nothing but what changes no shape (`harness.settings.members.PACKED`).
        tick: called after every training step; what it raises ends the run.
        checkpoint: where the state is saved from time to time, and taken from if there is one already.
        hopeless: prunes the runs, all of them.
        keeper: keeps the weights.

    Returns:
        The tables of these runs (see `harness.tables.columns.COLUMNS`).
    """
    started = time.perf_counter()
    pack, record = Pack(runs), Record(runs)
    with pack.network.threads():
        _train(pack, record, tick, checkpoint, hopeless, keeper)
    if keeper:
        keeper.write(pack.network)
    seconds = time.perf_counter() - started + (checkpoint.seconds if checkpoint else 0.0)
    return record.tables(pack.network.flat.shape[1], pack.eval_samples, seconds / len(runs))


def _train(
    pack: Pack,
    record: Record,
    tick: Tick,
    checkpoint: Checkpoint | None,
    hopeless: Hopeless,
    keeper: Keeper | None,
) -> None:
    steps, every = pack.settings.train.steps, pack.settings.probe.every
    if checkpoint and (saved := checkpoint.load()):
        pack.restore(saved["pack"])
        record.restore(saved["record"])
        if keeper:
            keeper.restore(saved["kept"])
    else:
        _measure(pack, record, keeper)
    while pack.step < steps and (unfinished := record.unfinished(pack.members)):
        pack.leave_out_finished(unfinished)
        record.losses(pack.step + 1, pack.members, pack.take_gradient().tolist())
        training = record.training(pack.members)
        if any(training):
            pack.move(training)
        if pack.step % every == 0 or pack.step == steps or not any(training):
            _measure(pack, record, keeper)
            if pack.step < steps and hopeless(record):
                record.prune()
        if checkpoint and pack.data.at_a_beginning:
            checkpoint.after(
                pack.step,
                lambda: {"pack": pack.state, "record": record.state, "kept": keeper.state if keeper else {}},
            )
        tick(pack.step)


def _measure(pack: Pack, record: Record, keeper: Keeper | None) -> None:
    """Measure the members, note what was found, and keep the weights of those that are not finished before it."""
    rows = {pack.members.index(run): run for run in record.unfinished(pack.members)}
    found, probed = pack.measure()
    record.measured(pack.members, found, probed)
    if keeper:
        keeper.evaluated(pack.network, rows, found.step, found.loss.tolist())


class Pack:
    """Networks that train together, and what each of them needs: row k of every tensor belongs to one member.

    Attributes:
        members: which of the runs each row is: those that are finished may be left out.
        step: training steps done.
        network, optimizer, data: what trains, and on what.
        probed: the same networks in the precision of the probes.
    """

    def __init__(self, runs: Sequence[Settings]):
        self.settings = first = runs[0]
        self.members = list(range(len(runs)))
        self.step = 0
        self.dtype, probe_dtype = getattr(torch, first.dtype), getattr(torch, first.probe.dtype)
        self.network = build(runs, self.dtype)
        # Before training there are exact weights to probe: a weight of 0.9, not of 0.9 rounded to float32.
        self.probed = build(runs, probe_dtype)
        train = [each.train for each in runs]
        self.optimizer = MemberOptimizer(
            self.network.flat, first.train.optimizer, [each.lr for each in train], [each.clip_norm for each in train]
        )
        self.data = streams(runs, "train")
        self.held_out = streams(runs, "eval").held_out(EVAL_SAMPLES, self.dtype)
        self.eval_samples = self.held_out.targets.shape[1]
        self.probe_data = streams(runs, "probe").answering(first.probe.batch_size, probe_dtype)
        self._carry: LayerStates | None = None
        self._clipped = torch.zeros(len(runs), dtype=torch.float64, device=first.device)
        self._moves = 0

    def take_gradient(self) -> Tensor:
        """Take the gradient of the next batch; returns the loss of every member, (K,)."""
        batch = self.data.next(self.settings.train.batch_size, self.dtype)
        start, grad = self._carry if batch.continues else None, self.optimizer.grad
        losses, _ = self.network.gradients(
            batch.inputs, batch.scored, batch.loss, grad, start=start, lengths=batch.lengths
        )
        grad /= losses.shape[1]
        if self.settings.experiment.windows > 1:
            self._carry = carried(self.network, batch, start)
        self.step += 1
        return losses.mean(1)

    def move(self, training: Sequence[bool]) -> None:
        """Clip the gradients, and move the members that train."""
        self._clipped += self.optimizer.step(training)
        self._moves += 1

    def measure(self) -> tuple[Measurement, list[tuple[Probe, pd.DataFrame]]]:
        """All that is measured of the members as they stand, and what probes (plugins) measure."""
        if self.step:
            self.probed.flat.copy_(self.network.flat)
        moment = Moment(self.probed, self.probe_data, self.settings.experiment, self.step, self.data.seeds)
        found = measure(self.network, self.held_out, moment, self.data.seeds, self._clipped / max(self._moves, 1))
        self._clipped.zero_()
        self._moves = 0
        probes = [each for each in self.settings.probes.values() if isinstance(each, Probe)]
        return found, measured(probes, moment)

    def leave_out_finished(self, unfinished: list[int]) -> None:
        """Go on without the members that are finished, if it is worth it: building anew costs about a step.

        Step by step in torch, a member alone may round otherwise than in a pack; there, two stay together.
        """
        fewest = 1 if self.network.compiled else 2
        if 4 * len(unfinished) <= 3 * len(self.members) and len(unfinished) >= fewest:
            self._keep(unfinished)

    def _keep(self, members: list[int]) -> None:
        rows = [self.members.index(member) for member in members]
        self.members = members
        self.network, self.probed = self.network.only(rows), self.probed.only(rows)
        self.optimizer.keep(rows, self.network.flat)
        self.data = self.data.only(rows)
        self.held_out, self.probe_data = self.held_out.only(rows), self.probe_data.only(rows)
        self._carry = self._carry and [
            Named({part: values[rows] for part, values in layer.items()}) for layer in self._carry
        ]
        self._clipped = self._clipped[rows]

    @property
    def state(self) -> dict[str, Any]:
        """What `restore` needs, where the next batch starts new sequences."""
        return {
            "members": self.members,
            "step": self.step,
            "weights": self.network.flat,
            "optimizer": self.optimizer.state,
            "data": self.data.state,
            "clipped": self._clipped,
            "moves": self._moves,
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Bring a pack that was just built to a `state`."""
        self._keep(state["members"])
        self.step, self._clipped, self._moves = state["step"], state["clipped"], state["moves"]
        self.network.flat.copy_(state["weights"])
        self.optimizer.restore(state["optimizer"])
        self.data.restore(state["data"])


def build(runs: Sequence[Settings], dtype: torch.dtype) -> Network:
    """The untrained network of a pack."""
    first = runs[0]
    inits = [MemberInit(each.cell, each.seed, each.init, each.weight_scale) for each in runs]
    return Network.create(architecture(first), inits, dtype, first.device, first.compiled, first.recomputed)


def architecture(run: Settings) -> Architecture:
    """What the network of a run shares with those that it may train with."""
    task = run.experiment
    return Architecture(run.cell, task.input_size, run.hidden_size, run.num_layers, task.outputs.size, run.block)


def streams(runs: Sequence[Settings], purpose: str) -> Streams:
    """The data of a pack for one purpose: ``train``, ``eval`` or ``probe``."""
    first = runs[0]
    return Streams(first.experiment, first.seq_len, [each.seed for each in runs], purpose, first.device)
