"""The contract of probes."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from itertools import pairwise

import pandas as pd
import torch

from harness.measure.moment import Moment
from harness.plugins.registry import registry
from harness.probes.base import Probe, fault
from harness.settings.settings import Settings
from harness.tables.columns import COLUMNS
from harness.tasks.experiment import Experiment
from harness.testing._problems import Problems, check_registration, small_runs
from harness.training.building import build, streams


def check_probe(probe: Probe, experiment: Experiment | None = None) -> None:
    """Check a probe on small networks of several cells, with one and two layers.

    Its name and documented options; that it returns rows of existing members, the same every time it measures; that it
    changes nothing of the networks, their states and the batch; that a member gives the same alone or packed, whichever
    it is, and beside one whose weights are NaN; that layers, time steps, lags and samples are numbers that there are,
    and quantiles in their order; that networks whose weights are zero, infinite or NaN do not make it raise or warn.

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
                with problems.during(f"measure on {cell} with num_layers={layers}"):
                    _check_measured(problems, probe, made)
    problems.report()


def _moment(made: list[Settings], fill: float | None = None, of: slice = slice(None)) -> Moment:
    """The networks of runs on their probe batch; the weights of some members may be filled with one value."""
    network = build(made, torch.float64)
    if fill is not None:
        network.flat[of] = fill
    data, seeds = streams(made, "probe").next(3, torch.float64), [each.seed for each in made]
    return Moment(network, data, made[0].experiment, 0, seeds)


@torch.no_grad()
def _check_measured(problems: Problems, probe: Probe, made: list[Settings]) -> None:
    moment = _moment(made)
    before = _numbers(moment)
    found = probe.measure(moment)
    for name, values in _numbers(moment).items():
        problems.unless(torch.equal(before[name], values), f"measure changes {name}")
    if problem := fault(probe, found, len(made)):
        problems.add(problem)
        return
    for problem in _misplaced(found, moment):
        problems.add(problem)
    alone = [probe.measure(_moment([own])) for own in made]
    for member, own in enumerate(alone):
        if not _same(found, member, own):
            problems.add("mixes members: what is measured of one depends on the others")
    if len(moment.network.cells) == 1:
        problems.unless(found.equals(probe.measure(_moment(made))), "measure is not the same twice")
        return
    with problems.during("measure beside a member whose weights are nan"):
        beside = probe.measure(_moment(made, torch.nan, slice(1, None)))
        problems.unless(_same(beside, 0, alone[0]), "mixes members: one whose weights are nan changes the others")
    for fill in (0.0, torch.inf, torch.nan):
        with problems.during(f"measure on weights that are {fill}"), warnings.catch_warnings(action="error"):
            probe.measure(_moment(made, fill))


def _numbers(moment: Moment) -> dict[str, torch.Tensor]:
    """Copies of what a moment holds, by what it is."""
    states = [values.flatten() for layer in moment.states for values in layer.values()]
    own = {"the weights of the network": moment.network.flat, "the batch": moment.data.inputs}
    return {name: values.clone() for name, values in {**own, "states": torch.cat(states)}.items()}


def _same(found: pd.DataFrame, member: int, alone: pd.DataFrame) -> bool:
    """Whether the rows of one member are those of its network alone, which is number 0 there."""
    mine = found[found["member"] == member].assign(member=0).reset_index(drop=True)
    try:
        pd.testing.assert_frame_equal(mine, alone.reset_index(drop=True), check_dtype=False, rtol=1e-6, atol=1e-12)
    except AssertionError:
        return False
    return True


def _misplaced(found: pd.DataFrame, moment: Moment) -> Iterator[str]:
    """What is wrong with columns that mean the same in every table: places, and quantiles."""
    _, steps, samples = moment.data.inputs.shape[:3]
    layers = len(moment.network.cells)
    for name, low, high, means in (
        ("layer", 0, layers, "counted from 1; 0 is the inputs, or all layers"),
        ("t", 0, steps, "a time step, counted from 1; 0 is none"),
        ("lag", 1 - steps, steps - 1, "steps before the answer"),
        ("sample", 0, samples - 1, "one of the probe batch, counted from 0"),
    ):
        if name in found and not found[name].dropna().between(low, high).all():
            yield f"{name} is not from {low} to {high}: {means}"
    if "layer" in found and len(found) and (missing := set(range(1, layers + 1)) - set(found["layer"])):
        yield f"has no rows of layer {min(missing)}"
    if {"t", "lag", "sample"} <= set(found) and len(found):
        answer = moment.answer.cpu().numpy()[found["member"], found["sample"]]
        if not (found["lag"] == answer - found["t"]).all():
            yield "lag is not the distance of t from the sample's answer"
    quantiles = [name for name in ("q10", "q25", "q50", "q75", "q90") if name in found]
    for lower, upper in pairwise(quantiles):
        if (found[lower] > found[upper]).any():
            yield f"{lower} is larger than {upper}"
