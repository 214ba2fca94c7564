"""The gates probe against the formulas, written out for one unit in plain Python."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from harness.cells.base import Named, as_in_a_step
from harness.plugins.registry import registry
from harness.probes import Moment
from harness.settings.members import members
from harness.training.building import build, streams
from harness.training.pack import run
from tests.conftest import Config


def sigmoid(value: float) -> float:
    return 1 / (1 + math.exp(-value))


def by_hand(cell: str, weights: dict[str, np.ndarray], tokens: np.ndarray) -> list[dict[str, float]]:
    """Gate values at every step of one unit."""
    w_x, (w_h,), b = weights["input"], weights["recurrent"], weights["bias"]
    h = c = 0.0
    found = []
    for token in tokens:
        x = w_x[token]
        if cell == "lstm":
            i, f, o = (sigmoid(x[k] + w_h[k] * h + b[k]) for k in range(3))
            c = f * c + i * math.tanh(x[3] + w_h[3] * h + b[3])
            h = o * math.tanh(c)
            found.append({"i": i, "f": f, "o": o})
        else:
            r, z = (sigmoid(x[k] + w_h[k - 1] * h + b[k]) for k in (1, 2))
            n = math.tanh(x[0] + b[0] + r * (w_h[2] * h + b[3]))
            h = (1 - z) * n + z * h
            found.append({"r": r, "z": z})
    return found


@pytest.mark.parametrize("cell", ["lstm", "gru"])
@torch.no_grad()
def test_gate_values_are_those_of_the_formulas(config: Config, cell: str) -> None:
    made = members(config(cell=cell, hidden_size=1, seed=[0, 1], weight_scale=1.5))
    network = build(made, torch.float64)
    network.flat += 0.3
    data = streams(made, "probe").next(3, torch.float64)
    table = registry().get("probe", "gates")(samples=2).measure(Moment(network, data, made[0].experiment, 0))
    for (member, sample), rows in table.groupby(["member", "sample"]):
        weights = {name: value[member].numpy() for name, value in network.layer(1).items()}
        wanted = by_hand(cell, weights, data.batches[member].inputs[sample])
        for row in rows.itertuples():
            assert row.mean == pytest.approx(wanted[row.t - 1][row.gate], abs=1e-12)
            assert row.q10 == row.q90 == row.mean
    assert len(table) == 2 * 2 * 8 * (3 if cell == "lstm" else 2)


@torch.no_grad()
def test_the_jacobian_is_that_of_finite_differences(config: Config) -> None:
    made = members(config(cell="lstm", hidden_size=3))
    network = build(made, torch.float64)
    moment = Moment(network, streams(made, "probe").next(2, torch.float64), made[0].experiment, 0)
    found = moment.jacobian(1, 4)
    assert found.shape == (1, 2, 6, 6)
    before = {part: values[:, 3] for part, values in moment.states[0].items()}
    for column in range(6):
        part, unit = ("h", "c")[column // 3], column % 3
        sides = []
        for sign in (1, -1):
            moved = {name: value.clone() for name, value in before.items()}
            moved[part][..., unit] += sign * 1e-6
            weights = as_in_a_step(network.layer(1))
            after = network.shape.cell.step(weights, moment.inputs(1)[:, 3], Named(moved))
            sides.append(torch.cat([after["h"], after["c"]], dim=-1))
        torch.testing.assert_close(found[..., column], (sides[0] - sides[1]) / 2e-6, rtol=1e-6, atol=1e-8)


def test_a_run_with_the_probe_has_its_table_and_otherwise_the_same_numbers(config: Config) -> None:
    plain, probed = run(members(config(cell="lstm"))), run(members(config(cell="lstm", probes={"gates": {}})))
    table = probed["gates"]
    assert sorted(table.step.unique()) == [0, 3, 6]
    assert set(table.run_id) == set(probed["runs"].run_id)
    assert table.word.iloc[0] == "today"
    profile = probed["gradients"].query("step == 6 and part == 'c'").set_index("t")
    of_samples = table.query("step == 6 and gate == 'f'").groupby("t").grad_norm.agg(["min", "max"])
    assert (of_samples["max"] >= profile.grad_q10).all()
    assert plain["curves"].loss.tolist() == probed["curves"].loss.tolist()
    assert plain["runs"].run_id.tolist() != probed["runs"].run_id.tolist()


@pytest.mark.parametrize("samples", [2, [2, 0]])
@torch.no_grad()
def test_the_jacobian_of_some_samples_is_theirs_among_all(config: Config, samples: int | list[int]) -> None:
    made = members(config(cell="gru", hidden_size=3))
    moment = Moment(build(made, torch.float64), streams(made, "probe").next(4, torch.float64), made[0].experiment, 0)
    rows = [0, 1] if samples == 2 else [2, 0]
    assert moment.jacobian(1, 4, samples=samples).equal(moment.jacobian(1, 4)[:, rows])


@pytest.mark.parametrize("layer", [1, 2])
@torch.no_grad()
def test_the_jacobian_without_recurrence_is_zero(config: Config, layer: int) -> None:
    made = members(config(cell="feedforward", hidden_size=3, num_layers=2))
    moment = Moment(build(made, torch.float64), streams(made, "probe").next(2, torch.float64), made[0].experiment, 0)
    assert moment.jacobian(layer, 4).equal(torch.zeros(1, 2, 3, 3, dtype=torch.float64))


@pytest.mark.parametrize("value", [torch.inf, torch.nan])
@pytest.mark.parametrize("cell", ["linear", "rnn", "lstm", "gru", "gru_reset_before"])
@torch.no_grad()
def test_the_jacobian_of_weights_that_are_not_finite_is_not_a_number(config: Config, cell: str, value: float) -> None:
    made = members(config(cell=cell, hidden_size=3))
    network = build(made, torch.float64)
    network.flat.fill_(value)
    moment = Moment(network, streams(made, "probe").next(2, torch.float64), made[0].experiment, 0)
    assert not moment.jacobian(1, 4).isfinite().any()
