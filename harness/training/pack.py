"""One pack of runs from start to end: build, train, measure, write down."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from contextlib import closing
from typing import Any

import pandas as pd
import torch
from torch import Tensor

from harness.base.devices import check_present
from harness.base.sending import Late, indices, sent
from harness.cells.base import Named
from harness.engine.dropout import Dropout
from harness.engine.forward import LayerStates
from harness.engine.network import Network
from harness.engine.optimizer import MemberOptimizer
from harness.measure.evaluation import EVAL_SAMPLES
from harness.measure.measurement import Measurement
from harness.probes.base import Probe
from harness.settings.settings import Settings
from harness.tasks.ahead import Batches
from harness.tasks.drawn import Drawn
from harness.tasks.streams import Streams
from harness.training.building import build, streams
from harness.training.checkpoint import Checkpoint
from harness.training.generalization import generalization
from harness.training.gradient import Pass, truncation
from harness.training.keeping import Keeper
from harness.training.measuring import Measured, blocks, measured_in_blocks
from harness.training.memory import memory
from harness.training.outcome import Lookout, Outcome, sizes
from harness.training.penalties import Penalties
from harness.training.record import Record
from harness.training.schedule import schedules_of

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

    Raises:
        UserError: their device is none of this machine's.
    """
    check_present(runs[0].device)
    started = time.perf_counter()
    pack, record = Pack(runs), Record(runs)
    further = {}
    with pack.network.threads(), closing(pack):
        _train(pack, record, tick, checkpoint, hopeless, keeper)
        if runs[0].eval.seq_len:
            further["generalization"] = _generalization(pack, record)
    if keeper:
        keeper.write(pack.network)
    seconds = time.perf_counter() - started + (checkpoint.seconds if checkpoint else 0.0)
    return record.tables(pack.network.flat.shape[1], pack.eval_samples, seconds / len(runs)) | further


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
    lookout = Lookout(record, late=int(pack.on_gpu))
    pack.train_only(record.training(pack.members))
    while pack.step < steps and (unfinished := record.unfinished(pack.members)):
        pack.leave_out_finished(unfinished)
        outcome = pack.outcome(pack.take_gradient())
        pack.move()
        measures = pack.step % every == 0 or pack.step == steps
        saves = checkpoint is not None and checkpoint.due(pack.step) and pack.batches.at_a_beginning
        last = lookout.take(outcome, now=measures or saves)
        if last is not None:
            pack.step = last  # whatever was taken since has moved nobody
        if measures or last is not None:
            _measure(pack, record, keeper)
            if pack.step < steps and hopeless(record):
                record.prune()
            pack.train_only(record.training(pack.members))
        if checkpoint and saves:
            kept = keeper.state if keeper else {}
            checkpoint.save(pack.step, {"pack": pack.state, "record": record.state, "kept": kept})
        tick(pack.step)


def _measure(pack: Pack, record: Record, keeper: Keeper | None) -> None:
    """Measure the members, note what was found, and keep the weights of those that are not finished before it."""
    rows = {pack.members.index(run): run for run in record.unfinished(pack.members)}
    found, probed = pack.measure()
    record.measured(pack.members, found, probed)
    if keeper:
        keeper.evaluated(pack.network, rows, found.step, found.loss.tolist())


def _generalization(pack: Pack, record: Record) -> pd.DataFrame:
    """The runs that were not pruned at the lengths of `eval.seq_len`."""
    network, probed = pack.final()
    kept = [k for k, member in enumerate(record.members) if not member.pruned]
    frames = []
    for block in blocks(len(kept), pack.at_once):
        members = kept[block]
        frames.append(generalization([record.runs[k] for k in members], network.only(members), probed.only(members)))
    return pd.concat(frames, ignore_index=True)


class Pack:
    """Networks that train together, and what each of them needs: row k of every tensor belongs to one member.

    Attributes:
        members: which of the runs each row is: those that are finished may be left out.
        step: training steps done.
        network, optimizer, data: what trains, and on what.
        probed: the same networks in the precision of the probes.
        at_once: how many members are measured together.
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
            self.network.flat,
            first.train.optimizer,
            lr=[each.lr for each in train],
            clip_norm=[each.clip_norm for each in train],
            clip_value=[each.clip_value for each in train],
            momentum=[each.momentum for each in train],
            weight_decay=[each.weight_decay for each in train],
            trained=self.network.trained,
        )
        self._schedules, self._penalties = schedules_of(train), Penalties(train)
        self._dropout = Dropout([each.dropout for each in runs], [each.seed for each in runs], first.dropout_kind)
        self._cut = truncation(first.train)
        self.data = streams(runs, "train")
        self._lengths = first.batch_lengths
        self.held_out = streams(runs, "eval").held_out(EVAL_SAMPLES, self.dtype)
        self.eval_samples = self.held_out.targets.shape[1]
        self.probe_data = streams(runs, "probe").answering(first.probe.batch_size, probe_dtype)
        self.at_once = memory(first).at_once
        self._carry: LayerStates | None = None
        device = self.network.flat.device
        self.on_gpu = device.type != "cpu"
        self.batches = Batches(self.data, self._drawn, ahead=self.on_gpu)
        self._training = torch.ones(len(runs), dtype=torch.bool, device=device)
        self._clipped, self._moves = (torch.zeros(n, dtype=torch.float64, device=device) for n in (len(runs), 1))
        self._left: dict[int, Tensor] = {}

    def take_gradient(self) -> Tensor:
        """Take the gradient of the next batch; returns the loss of every member, (K,)."""
        length, *after = (int(each) for each in self._lengths[self.step : self.step + 2])
        batch = self.batches.next(length, after[0] if after else None)
        windows, start = self.settings.experiment.windows, self._carry if batch.continues else None
        widths = [cell.output_size(self.settings.hidden_size) for cell in self.network.cells[:-1]]
        masks = self._dropout.masks(self.step, windows, batch.inputs.shape[1:3], widths, self.network.flat)
        self._latest = Pass(batch, start, masks, self._cut)
        kept = self._penalties.room(self.network, batch.inputs, self.members)
        # Of a sequence in windows the next one goes on from these.
        self._carry = [] if windows > 1 else None
        losses = self._latest.gradient(self.network, self.optimizer.grad, kept, self._carry)
        self._penalties.add_to(self.optimizer.grad, self.network, self.members, self._latest, kept)
        self.step += 1
        return losses.mean(1)

    def _drawn(self, data: Streams, length: int) -> Drawn:
        # Where the way back is cut depends on T, which is not to depend on who trains beside.
        return data.draw(self.settings.train.batch_size, self.dtype, length, trim=self._cut is None)

    def outcome(self, losses: Tensor) -> Outcome:
        """What has become of the step that `take_gradient` has begun; members that have diverged train no more.

        Args:
            losses: what it has returned.
        """
        found = sizes(losses, self.optimizer.grad)
        self._training &= found.isfinite().all(dim=0)
        return Outcome(self.step, self.members, Late(found), self._latest, self.network)

    def train_only(self, training: Sequence[bool]) -> None:
        """Move no members but these from now on."""
        self._training = sent(torch.tensor(training), self._training.device)

    def move(self) -> None:
        """Clip the gradients, and move the members that train."""
        # The gradient of this step was taken already.
        factors = [self._schedules[member](self.step - 1) for member in self.members] if self._schedules else None
        # A step that moves nobody is none.
        moves = self._training.any()
        self._clipped += self.optimizer.step(self._training, factors) & moves
        self._moves += moves

    def measure(self) -> tuple[Measurement, list[tuple[Probe, pd.DataFrame]]]:
        """All that is measured of the members as they stand, and what probes (plugins) measure."""
        self.batches.wait()
        if self.step:
            self.probed.flat.copy_(self.network.flat)
        found = measured_in_blocks(
            Measured(self.network, self.probed, self.held_out, self.probe_data, self.data.seeds),
            self.settings, self.step, self._clipped / self._moves.clamp(min=1), self.at_once,
        )  # fmt: skip
        self._clipped.zero_()
        self._moves.zero_()
        return found

    def close(self) -> None:
        """Leave nothing running behind."""
        self.batches.close()

    def leave_out_finished(self, unfinished: list[int]) -> None:
        """Go on without the members that are finished, if it is worth it: building anew costs about a step.

        Step by step in torch, a member alone may round otherwise than in a pack; there, two stay together.
        """
        fewest = 1 if self.network.compiled else 2
        if 4 * len(unfinished) <= 3 * len(self.members) and len(unfinished) >= fewest:
            self._keep(unfinished)

    def final(self) -> tuple[Network, Network]:
        """The networks of all runs, of those that were left out as well: to train, and in the probes' precision."""
        found = self._left | dict(zip(self.members, self.network.flat, strict=True))
        flat = torch.stack([found[member] for member in sorted(found)])
        # As when they are measured: before training there are exact weights to probe.
        exact = flat if self.step else self.probed.flat
        return self.network.with_weights(flat), self.probed.with_weights(exact.to(self.probed.flat.dtype))

    def _keep(self, members: list[int]) -> None:
        self._left |= {
            member: row.clone()
            for member, row in zip(self.members, self.network.flat, strict=True)
            if member not in members
        }
        rows = [self.members.index(member) for member in members]
        there = indices(rows, self.network.flat.device)
        self.members = members
        self.network, self.probed = self.network.only(rows), self.probed.only(rows)
        self.optimizer.keep(rows, self.network.flat)
        self.batches.undo()
        self.batches.streams = self.data = self.data.only(rows)
        self.held_out, self.probe_data = self.held_out.only(rows), self.probe_data.only(rows)
        self._carry = self._carry and [
            Named({part: values[there] for part, values in layer.items()}) for layer in self._carry
        ]
        self._clipped, self._training = self._clipped[there], self._training[there]
        self._dropout = self._dropout.only(rows)

    @property
    def state(self) -> dict[str, Any]:
        """What `restore` needs, where the next batch starts new sequences."""
        self.batches.undo()
        return {
            "members": self.members,
            "left": self._left,
            "step": self.step,
            "weights": self.network.flat,
            "optimizer": self.optimizer.state,
            "data": self.data.state,
            "clipped": self._clipped,
            "moves": int(self._moves),
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Bring a pack that was just built to a `state`."""
        self._keep(state["members"])
        self._left = state["left"]
        self.step, self._clipped = state["step"], state["clipped"].to(self._clipped.device)
        self._moves.fill_(state["moves"])
        self.network.flat.copy_(state["weights"])
        self.optimizer.restore(state["optimizer"])
        self.data.restore(state["data"])
