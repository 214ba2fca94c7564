"""The contract of probes."""

from __future__ import annotations

import pandas as pd
import torch

from harness.measure.moment import Moment
from harness.plugins.registry import registry
from harness.probes.base import Probe, fault
from harness.settings.settings import Settings
from harness.tables.columns import COLUMNS
from harness.tasks.experiment import Experiment
from harness.testing._problems import Problems, check_registration, small_runs
from harness.training.pack import build, streams


def check_probe(probe: Probe, experiment: Experiment | None = None) -> None:
    """Check a probe on small networks of several cells, with one and two layers.

    Its name and documented options; that it returns rows of existing members, the same every time it measures; that it
    changes no weight; that a member gives the same alone or packed; that networks whose weights are zero, infinite or
    NaN do not make it raise.

    Raises:
        ContractError: one line per problem.
    """
    problems = Problems("probe", probe)
    check_registration(problems, type(probe))
    problems.unless(probe.adds != "table" or probe.name not in COLUMNS, f"name: {probe.name} is a standard table")
    if not problems.found:
        for cell in ("feedforward", "rnn", "lstm", "gru"):
            for layers in (1, 2):
                made = small_runs(
                    experiment, registry().get("cell", cell)(), seed=[0, 1], num_layers=layers, hidden_size=4
                )
                with problems.during(f"measure on {cell} with {layers} layer{'s' * (layers > 1)}"):
                    _check_measured(problems, probe, made)
    problems.report()


def _moment(made: list[Settings], fill: float | None = None) -> Moment:
    network = build(made, torch.float64)
    if fill is not None:
        network.flat.fill_(fill)
    data, seeds = streams(made, "probe").next(3, torch.float64), [each.seed for each in made]
    return Moment(network, data, made[0].experiment, 0, seeds)


@torch.no_grad()
def _check_measured(problems: Problems, probe: Probe, made: list[Settings]) -> None:
    moment = _moment(made)
    before = moment.network.flat.clone()
    found = probe.measure(moment)
    problems.unless(torch.equal(before, moment.network.flat), "measure changes the weights of the network")
    if problem := fault(probe, found, len(made)):
        problems.add(problem)
        return
    problems.unless(found.equals(probe.measure(_moment(made))), "measure is not the same twice")
    alone = probe.measure(_moment(made[:1]))
    mine = found[found["member"] == 0].reset_index(drop=True)
    try:
        pd.testing.assert_frame_equal(mine, alone.reset_index(drop=True), check_dtype=False, rtol=1e-6, atol=1e-12)
    except AssertionError:
        problems.add("mixes members: what is measured of one depends on the others")
    for fill in (0.0, torch.inf, torch.nan):
        with problems.during(f"measure on weights that are {fill}"):
            probe.measure(_moment(made, fill))
