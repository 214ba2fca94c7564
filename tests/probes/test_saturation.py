"""The saturation probe against slopes of autograd."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch

from harness.plugins.registry import Plugin, registry
from tests.conftest import Config
from tests.helpers.moments import moment_of
from tests.helpers.plugins import every


@torch.no_grad()
def measured(made: dict[str, Any], fill: float | None = None, **options: Any) -> pd.DataFrame:
    return registry().get("probe", "saturation")(**options).measure(moment_of(made, fill))


def test_the_slope_of_a_tanh_is_that_of_autograd(config: Config) -> None:
    made = config(cell="rnn", weight_scale=3.0, seed=[0, 1])
    moment = moment_of(made)
    h = torch.atanh(moment.states[0]["h"][:, 1:]).requires_grad_()
    slopes = torch.autograd.grad(h.tanh().sum(), h)[0]
    found = measured(made, limit=0.8).pivot(index="member", columns="t", values=["slope", "share"])
    np.testing.assert_allclose(found["slope"], slopes.mean(dim=(2, 3)))
    np.testing.assert_allclose(found["share"], (slopes < 0.8).double().mean(dim=(2, 3)))


def test_the_slope_of_a_gate_is_relative_to_that_at_one_half(config: Config) -> None:
    made = config(cell="lstm", weight_scale=3.0)
    gate = moment_of(made).gates(1)["f"]
    found = measured(made).query("unit == 'f'").sort_values("t")
    np.testing.assert_allclose(found.slope, (4 * gate * (1 - gate)).mean(dim=(0, 2, 3)))
    assert set(found.role) == {"forget gate: keeps"}


def test_units_far_out_are_all_flat_and_those_at_rest_are_not(config: Config) -> None:
    assert (measured(config(cell="gru"), 100.0).query("unit == 'z'").share == 1).all()
    resting = measured(config(cell="gru"), 0.0)
    assert (resting.share == 0).all()
    assert (resting.slope == 1).all()


@pytest.mark.parametrize(
    ("cell", "units"),
    [
        ("rnn", ["tanh"]),
        ("lstm", ["f", "i", "o", "tanh 1", "tanh 2"]),
        ("gru", ["r", "tanh", "z"]),
        ("rnn_relu", ["relu"]),
    ],
)
def test_functions_are_named_after_gates_or_numbered_where_there_are_several(
    config: Config, cell: str, units: list[str]
) -> None:
    found = measured(config(cell=cell, num_layers=2))
    assert found.groupby(["layer", "t"]).unit.apply(sorted).tolist() == [units] * 16


def test_a_relu_is_flat_where_it_is_silent(config: Config) -> None:
    made = config(cell="rnn_relu")
    silent = (moment_of(made).states[0]["h"][:, 1:] == 0).double().mean(dim=(0, 2, 3))
    np.testing.assert_allclose(measured(made).sort_values("t").share, silent)


def test_what_is_not_finite_has_no_slope(config: Config) -> None:
    assert measured(config(cell="lstm"), np.nan)[["share", "slope"]].isna().all(axis=None)


def test_what_calls_no_such_function_has_no_rows(config: Config) -> None:
    assert not len(measured(config(cell="linear")))


GATED = [plugin for plugin in every("cell") if registry().get("cell", plugin.id).gate_roles]


@pytest.mark.parametrize("plugin", GATED)
def test_every_gated_cell_has_rows_of_the_probe_gates_for_each_of_its_gates(config: Config, plugin: Plugin) -> None:
    with torch.no_grad():
        found = registry().get("probe", "gates")(samples=1).measure(moment_of(config(cell=plugin.name)))
    assert set(found.gate) == set(plugin.target.gate_roles)
    assert found[["mean", "q10", "q90"]].to_numpy().min() >= 0
    assert found[["mean", "q10", "q90"]].to_numpy().max() <= 1
    assert (found.groupby("gate").size() == 8).all()


@pytest.mark.parametrize("plugin", GATED)
def test_shares_are_shares_in_every_gated_cell(config: Config, plugin: Plugin) -> None:
    found = measured(config(cell=plugin.name), steps=2)
    assert found[["share", "slope"]].to_numpy().min(initial=0) >= 0
    assert found[["share", "slope"]].to_numpy().max(initial=0) <= 1
