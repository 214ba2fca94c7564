"""Time scales against known constants, and what cells keep against the derivative of their steps."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch

from harness.cells.base import Named, as_in_a_step
from harness.plugins.registry import Plugin, registry
from tests.conftest import Config
from tests.helpers.moments import moment_of
from tests.helpers.plugins import every


@torch.no_grad()
def measured(made: dict[str, Any], fill: float | None = None, **options: Any) -> pd.DataFrame:
    return registry().get("probe", "time_scales")(**options).measure(moment_of(made, fill))


@pytest.mark.parametrize("constant", [1.0, 2.5, 100.0])
def test_of_leaky_units_it_is_their_time_constant(config: Config, constant: float) -> None:
    found = measured(config(cell={"name": "leaky", "time_constant": constant}, num_layers=2))
    np.testing.assert_allclose(found.steps, constant)
    assert found.groupby("layer").unit.apply(list).tolist() == [[1, 2, 3, 4, 5, 6]] * 2


def test_of_a_linear_recurrence_it_is_that_of_its_factors(config: Config) -> None:
    made = config(cell={"name": "lru", "r_min": 0.9, "r_max": 0.99}, seed=[0, 1])
    found, weights = measured(made), moment_of(made).network.layer(1)
    moduli = np.hypot(weights["a_re"].numpy(), weights["a_im"].numpy())
    np.testing.assert_allclose(found.kept.to_numpy().reshape(2, 6), moduli)
    np.testing.assert_allclose(found.steps, 1 / (1 - moduli.ravel()))


def test_of_gates_it_is_the_geometric_mean_of_what_they_keep(config: Config) -> None:
    made = config(cell="lstm", seed=[0, 1], weight_scale=2.0, num_layers=2)
    every, first = measured(made), measured(made, steps=1)
    for layer in (1, 2):
        gates = moment_of(made).gates(layer)["f"].numpy()  # (K, T, B, H)
        wanted = gates.prod(axis=(1, 2)) ** (1 / (gates.shape[1] * gates.shape[2]))
        at_first = gates[:, 0].prod(axis=1) ** (1 / gates.shape[2])
        for found, truth in ((every, wanted), (first, at_first)):
            np.testing.assert_allclose(found[found.layer == layer].kept.to_numpy().reshape(2, 6), truth)


def test_what_grows_is_kept_for_ever_and_what_is_written_anew_for_a_step(
    config: Config, monkeypatch: pytest.MonkeyPatch
) -> None:
    shares = torch.tensor([0.0, 0.5, 1.0, 1.5])
    monkeypatch.setattr(
        registry().get("cell", "leaky"), "keeps", lambda self, w, x, s, size: shares.expand(1, x.shape[1], 4)
    )
    found = measured(config(cell="leaky", hidden_size=4))
    assert found.steps.tolist() == [1, 2, np.inf, np.inf]
    np.testing.assert_allclose(found.kept, shares)


def test_chrono_gates_remember_for_as_long_as_they_were_drawn_for(config: Config) -> None:
    made = config(cell={"name": "gru", "gate_init": "chrono", "longest_lag": 50}, hidden_size=40, weight_scale=0.0)
    steps = measured(made).steps
    assert steps.min() > 1.5
    assert 40 < steps.max() < 60


def test_what_loses_nothing_is_kept_for_ever(config: Config) -> None:
    assert (measured(config(cell="lstm_1997")).steps == np.inf).all()


def test_units_that_keep_nothing_by_themselves_have_no_time_scale(config: Config) -> None:
    assert not len(measured(config(cell="rnn")))
    assert not len(measured(config(cell="feedforward")))


def test_what_is_not_finite_has_no_time_scale(config: Config) -> None:
    assert measured(config(cell="gru"), np.nan).steps.isna().all()


UNLIKE = {
    "brc": "a unit also feeds on itself, by its gate a",
    "nbr": "as brc",
    "xlstm_m": "the state is kept relative to a running maximum",
    "xlstm_s": "as xlstm_m",
    "rwkv": "as xlstm_m",
    "gated_delta_net": "what the key points at is also replaced",
    "hgrn": "complex: see the test of moduli",
    "lru": "as hgrn",
    "s4d": "as hgrn",
    "s5": "as hgrn",
    "retnet": "as hgrn",
}
"""Cells whose step derives from the state by itself in other ways, too."""


@pytest.mark.parametrize("plugin", [each for each in every("cell") if each.id not in {"module", *UNLIKE}])
@torch.no_grad()
def test_what_a_cell_says_it_keeps_is_the_derivative_of_its_step_without_recurrent_weights(
    config: Config, plugin: Plugin
) -> None:
    moment = moment_of(config(cell=plugin.name, weight_scale=0.0, hidden_size=8))
    cell, t = moment.network.cells[0], 6
    before = Named({part: values[:, t - 1] for part, values in moment.states[0].items()})
    kept = cell.keeps(as_in_a_step(moment.network.layer(1)), moment.inputs(1)[:, t - 1], before, 8)
    if kept is None:
        return
    parts = cell.widths(8)
    start = sum(parts[each] for each in list(parts)[: list(parts).index(cell.memory)])
    stop = start + parts[cell.memory]
    own = moment.jacobian(1, t)[..., start:stop, start:stop].diagonal(dim1=-2, dim2=-1)
    if 1 < kept.shape[-1] < own.shape[-1]:  # a gate for a row of a matrix
        kept = kept.repeat_interleave(own.shape[-1] // kept.shape[-1], dim=-1)
    # Functions around the sum, as star's tanh, and peepholes take or add a little.
    torch.testing.assert_close(kept.expand_as(own), own, atol=0.04, rtol=0)


@pytest.mark.parametrize("cell", ["hgrn", "lru", "s4d", "s5", "retnet"])
@torch.no_grad()
def test_what_a_complex_unit_keeps_is_the_modulus_of_its_step(config: Config, cell: str) -> None:
    moment = moment_of(config(cell=cell, hidden_size=8))
    step = moment.jacobian(1, 6)[0]
    half = step.shape[-1] // 2
    re, im = step[:, :half, :half].diagonal(dim1=-2, dim2=-1), step[:, half:, :half].diagonal(dim1=-2, dim2=-1)
    before = Named({part: values[:, 5] for part, values in moment.states[0].items()})
    kept = moment.network.cells[0].keeps(as_in_a_step(moment.network.layer(1)), moment.inputs(1)[:, 5], before, 8)[0]
    torch.testing.assert_close(kept.expand_as(re), (re**2 + im**2).sqrt())
