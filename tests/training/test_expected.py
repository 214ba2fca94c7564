"""What a run's table says of theory."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import torch

from harness.settings.members import members
from harness.theory import Elman, GatedUnit
from harness.training.building import build
from harness.training.pack import run
from tests.conftest import Config


def runs(config: Config, **changes: Any) -> Any:
    return run(members(config(**{"train": {"steps": 2}, "init": "gaussian", **changes})))["runs"]


def test_theory_is_that_of_the_cell_at_the_runs_weight_scale_and_inputs(config: Config) -> None:
    found = runs(config, weight_scale=[0.9, 1.5])
    wanted = [Elman("tanh").rate(scale, 1 / (3 * 6)) for scale in (0.9, 1.5)]
    assert found.decay_rate_theory.tolist() == pytest.approx(wanted)
    gru = runs(config, cell={"name": "gru", "forget_bias": 2.0}, init="uniform")
    assert gru.decay_rate_theory.item() == pytest.approx(GatedUnit(2.0).rate(3**-0.5, 1 / 18))


def test_the_power_of_real_inputs_is_measured(config: Config) -> None:
    found = runs(config, experiment={"name": "latch", "noise": 3.0, "length": 1}, probe={"batch_size": 2000})
    wanted = Elman("tanh").rate(1.0, (9 + 1 / 8) / 18)
    assert found.decay_rate_theory.item() == pytest.approx(wanted, rel=0.02)


@pytest.mark.parametrize(
    "changes",
    [
        {"init": "identity"},
        {"num_layers": 2},
        {"block": "residual"},
        {"weight_scale": 0.0},
        {"cell": "leaky"},
        {"cell": {"name": "gru", "gate_init": "chrono", "longest_lag": 8}},
        {"cell": "lstm_nig"},
    ],
)
def test_where_theory_says_nothing_there_is_none(config: Config, changes: dict[str, Any]) -> None:
    assert math.isnan(runs(config, **changes).decay_rate_theory.item())


def test_the_bound_is_the_largest_singular_value_before_and_after(config: Config) -> None:
    made = members(config(weight_scale=1.5, num_layers=2, init="gaussian"))
    found = run(made)["runs"]
    with torch.no_grad():
        w = build(made, torch.float64).layer(2)["recurrent"][0].numpy()
    assert found.decay_rate_bound_init.item() == pytest.approx(math.log(np.linalg.svd(w)[1][0]))
    assert found.decay_rate_bound.item() != found.decay_rate_bound_init.item()


@pytest.mark.parametrize("cell", ["linear", "rnn", "rnn_relu"])
@pytest.mark.parametrize("seed", [31, 32])
def test_no_gradient_crosses_the_bound(config: Config, cell: str, seed: int) -> None:
    tables = run(members(config(cell=cell, seed=seed, init="gaussian", seq_len=20, weight_scale=1.3)))
    of_h = tables["transport"][tables["transport"].part == "h"]
    for step, bound in ((0, "decay_rate_bound_init"), (6, "decay_rate_bound")):
        rows = of_h[of_h.step == step].sort_values("lag")
        most = rows.grad_norm.iloc[0] * np.exp(tables["runs"][bound].item() * rows.lag)
        assert (rows.grad_norm <= most * (1 + 1e-6)).all()


def test_cells_with_gates_have_no_such_bound(config: Config) -> None:
    assert runs(config, cell="gru")[["decay_rate_bound", "decay_rate_bound_init"]].isna().all(axis=None)
