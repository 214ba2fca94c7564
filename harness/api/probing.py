"""`probe`: every per-step gradient of a network, of ours or of torch, on a batch of one's own."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np
import torch
from torch import nn

from harness.api.networks import RecurrentNetwork, of_module
from harness.base.errors import UserError, unknown
from harness.base.options import build
from harness.measure.gradients import gradients
from harness.measure.moment import Moment
from harness.measure.transport import by_lag
from harness.plugins.registry import registry
from harness.probes.base import Probe, measured
from harness.tables.tables import Tables
from harness.tasks.batch import Batch
from harness.tasks.drawn import ready
from harness.tasks.experiment import Experiment
from harness.tasks.faults import faults
from harness.tasks.outputs import Classes, Outputs, Values
from harness.training.rows import gradient_rows, transport_rows

NAME = "probed"
"""The `run_id` of a network that is no run's."""

PRECISIONS = ["float32", "float64"]


class Given(Experiment):
    """A batch of one's own as an experiment, which probes are told of."""

    name: ClassVar[str] = "given"
    claim: ClassVar[str] = "A batch that was given."
    size: int
    meaning: Any

    @property
    def input_size(self) -> int:
        return self.size

    @property
    def outputs(self) -> Outputs:
        found: Outputs = self.meaning
        return found

    def chance(self, seq_len: int) -> float:
        return float("nan")

    def sample(self, rng: np.random.Generator, batch_size: int, seq_len: int) -> Batch:
        raise UserError(
            "a batch that was given cannot be drawn from, as the probes that need samples of their own do; valid: a "
            "network of a run (harness.network), which knows its task"
        )


@torch.no_grad()
def probe(
    network: nn.Module,
    batch: Batch | tuple[Any, Any],
    *,
    readout: nn.Linear | None = None,
    outputs: Outputs | None = None,
    probes: Sequence[str | Probe] = (),
    dtype: str = "float64",
) -> Tables:
    """Measure how much gradient arrives at every time step, on a batch of one's own.

    Args:
        network: one of `harness.network`; or, with a ``readout``, `torch.nn.RNN`, `torch.nn.GRU`, `torch.nn.LSTM` or a
            cell of one's own: a module that maps (x, state) to a state. None of them is changed.
        batch: a `harness.experiment.Batch`, such as an experiment draws, or a pair of arrays: inputs, tokens (B, T) or
            vectors (B, T, input_size), and targets (B, S) or (B, S, n) for the last S steps.
        readout: from the top layer to the outputs.
        outputs: what the outputs mean (`harness.experiment.Classes`, `Labels`, `Values`); None: as in the network's
            experiment, else classes where targets are whole numbers, and values where they are not.
        probes: further probes, by name or with options.
        dtype: precision of the probe.

    Returns:
        Tables as those of a sweep: ``gradients`` (of every sample's own loss), ``transport`` (of its last judged output
        alone), and one for each probe that makes a table. `run_id` is the run's, or ``probed``.

    Raises:
        UserError: network and batch do not fit together.

    Examples:
        >>> layer, readout = torch.nn.LSTM(4, 8, batch_first=True), torch.nn.Linear(8, 2)
        >>> inputs, targets = np.zeros((16, 30, 4)), np.zeros((16, 1), dtype=int)
        >>> found = probe(layer, (inputs, targets), readout=readout)
        >>> found.gradients.query("part == 'c' and lag == 29").grad_norm.item() < 1
        True
    """
    if not isinstance(network, nn.Module):
        raise UserError(f"network: a {type(network).__name__}; valid: a torch.nn.Module, such as harness.network gives")
    if dtype not in PRECISIONS:
        raise unknown("dtype", dtype, PRECISIONS)
    own, kind = _batch(batch), getattr(torch, dtype)
    features = own.inputs.shape[2] if own.inputs.ndim == 3 else 0  # tokens do not say how many there are
    net = network if isinstance(network, RecurrentNetwork) else of_module(network, readout, features)
    experiment = _experiment(net, own, outputs)
    for fault in faults(experiment, own, (len(own.inputs), own.length)):
        raise UserError(f"batch: {fault}")
    data = ready([own], [0], experiment.outputs, kind)
    seeds = [net.settings.seed] if net.settings else None
    moment = Moment(net.engine(kind), data, experiment, step=0, seeds=seeds)
    run_ids = {0: net.settings.run_id if net.settings else NAME}
    found = gradients(moment.network, data)
    transported = [by_lag(profile, data.answer) for profile in found.transport]
    tables = {
        "gradients": gradient_rows(found.whole, 0, run_ids, None if own.lengths is None else own.lengths[None]),
        "transport": transport_rows(transported, 0, run_ids),
    }
    for each, frame in measured([_made(each) for each in probes], moment):
        tables[each.name] = frame.drop(columns="member").assign(run_id=run_ids[0], step=0)
    return Tables(tables)


def _made(chosen: str | Probe) -> Probe:
    if isinstance(chosen, Probe):
        return chosen
    found: Probe = build(registry().get("probe", chosen), {}, prefix=f"probes.{chosen}.")
    return found


def _batch(given: Batch | tuple[Any, Any]) -> Batch:
    """The batch, or the one that arrays make.

    Raises:
        UserError: they make none.
    """
    if isinstance(given, Batch):
        return given
    if not isinstance(given, tuple | list) or len(given) != 2:
        raise UserError(f"batch: a {type(given).__name__}; valid: a harness.experiment.Batch, or (inputs, targets)")
    try:
        return Batch(*(np.asarray(each) for each in given))
    except ValueError as error:
        raise UserError(f"batch: {error}") from None


def _experiment(network: RecurrentNetwork, batch: Batch, outputs: Outputs | None) -> Experiment:
    """What the batch is a batch of."""
    if network.settings and outputs is None:
        return network.settings.experiment
    if outputs is None:
        whole = np.issubdtype(batch.targets.dtype, np.integer)
        size = network.shape.output_size
        outputs = Classes(size) if whole else Values(tolerance=0.0, n=size)
    return Given(size=network.shape.input_size, meaning=outputs)
