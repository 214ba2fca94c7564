"""One pack of runs from start to end: build, train, probe, write down."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

import pandas as pd
import torch
from torch import Tensor

from harness.engine.network import LayerStates, Network
from harness.engine.optimizer import MemberOptimizer
from harness.engine.weights import Architecture, MemberInit
from harness.measure.evaluation import EVAL_SAMPLES, evaluate
from harness.measure.generation import carried
from harness.measure.gradients import probe
from harness.measure.moment import Moment
from harness.probes.base import measured
from harness.run.checkpoint import Checkpoint, State
from harness.run.record import Record
from harness.settings.settings import Settings
from harness.tasks.data import Data
from harness.tasks.streams import Streams

Tick = Callable[[int], None]
"""Called with the number of training steps done."""


def build(members: Sequence[Settings], dtype: torch.dtype) -> Network:
    """The untrained network of a pack."""
    first = members[0]
    architecture = Architecture(
        first.cell,
        first.experiment.input_size,
        first.hidden_size,
        first.num_layers,
        first.experiment.outputs.size,
    )
    inits = [MemberInit(each.cell, each.seed, each.init, each.weight_scale) for each in members]
    return Network.create(architecture, inits, dtype, first.device, first.compiled, first.recomputed)


@torch.no_grad()
def run(
    members: Sequence[Settings], tick: Tick = lambda step: None, checkpoint: Checkpoint | None = None
) -> dict[str, pd.DataFrame]:
    """Train the members of a pack together and measure each on its own.

    Args:
        members: runs that differ in nothing but what changes no shape (`harness.settings.members.PACKED`).
        tick: called after every training step; what it raises ends the run.
        checkpoint: where the state is saved from time to time, and taken from if there is one already.

    Returns:
        The tables of these runs (see `harness.tables.columns.COLUMNS`).
    """
    network = build(members, getattr(torch, members[0].dtype))
    with network.threads():
        return _run(members, network, tick, checkpoint)


def _run(
    members: Sequence[Settings], network: Network, tick: Tick, checkpoint: Checkpoint | None
) -> dict[str, pd.DataFrame]:
    first, started = members[0], time.perf_counter()
    dtype, probe_dtype = network.flat.dtype, getattr(torch, first.probe.dtype)
    # Before training there are exact weights to probe: a weight of 0.9, not of 0.9 rounded to float32.
    untrained = build(members, probe_dtype)
    rates, limits = [each.train.lr for each in members], [each.train.clip_norm for each in members]
    optimizer = MemberOptimizer(network.flat, first.train.optimizer, rates, limits)
    data = Streams(members, "train")
    held_out = Streams(members, "eval").held_out(EVAL_SAMPLES, dtype)
    probe_data = Streams(members, "probe").next(first.probe.batch_size, probe_dtype)
    record = Record(members, network.flat.shape[1], EVAL_SAMPLES)
    present = list(range(len(members)))

    def measure(step: int) -> None:
        probed = network.to(probe_dtype) if step else untrained
        found = probe(probed, probe_data)
        evaluation = evaluate(network, [members[k] for k in present], held_out)
        further = measured(Moment(probed, probe_data, [members[k] for k in present], step))
        record.measured(step, present, found, probe_data.cue, evaluation, network.spectral_radius(), further)

    carry: LayerStates | None = None

    def go_on_with(staying: list[int]) -> None:
        nonlocal network, data, held_out, probe_data, carry, present
        kept = [place for place, member in enumerate(present) if member in staying]
        network = network.only(kept)
        optimizer.keep(kept, network.flat)
        data, held_out, probe_data = data.only(kept), held_out.only(kept), probe_data.only(kept)
        carry = carry and [{part: values[kept] for part, values in layer.items()} for layer in carry]
        present = staying

    def state() -> State:
        return {
            "present": present,
            "weights": network.flat,
            "optimizer": optimizer.optimizer,
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
        start = carry if batch.continues else None
        loss = _loss_and_gradient(network, batch, start, optimizer.grad)
        if first.experiment.windows > 1:
            carry = carried(network, batch, start)
        record.training_loss(step, present, loss.tolist())
        if not any(record.active):
            measure(step)
            continue
        record.trained(present, optimizer.step([record.active[member] for member in present]))
        if step % first.probe.every == 0 or step == first.train.steps:
            measure(step)
        if checkpoint and data.at_a_beginning:
            checkpoint.after(step, state)
        tick(step)
    seconds = time.perf_counter() - started + (checkpoint.seconds if checkpoint else 0.0)
    return record.tables(seconds=seconds / len(members))


def worth_leaving_out(present: int, staying: int, compiled: bool) -> bool:
    """Whether to go on without the members that are done: building anew costs about a step.

    Step by step in torch, a member alone may round otherwise than in company; there, two stay together.
    """
    return 4 * staying <= 3 * present and staying >= (1 if compiled else 2)


def _loss_and_gradient(network: Network, batch: Data, start: LayerStates | None, grad: Tensor) -> Tensor:
    """The batch loss of every member (K,), and its gradient in ``grad``."""
    loss, _ = network.gradients(batch.inputs, batch.scored, batch.loss, grad, start=start)
    grad /= batch.targets.shape[1]
    return loss.mean(1)
