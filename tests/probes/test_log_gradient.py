"""The gradient's logarithm against closed forms, and against the norms themselves where these are numbers."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import torch

from harness.measure.gradients import gradients
from harness.measure.transport import by_lag
from harness.probes import Moment
from harness.probes.log_gradient import LogGradient
from tests.helpers.moments import moment


def measured(given: Moment, lags: int = 200) -> pd.DataFrame:
    with torch.no_grad():
        return LogGradient(lags=lags).measure(given)


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_after_100_000_steps_it_is_that_of_the_weight_as_it_is(dtype: str) -> None:
    given = moment(
        "linear",
        samples=2,
        hidden_size=1,
        init="identity",
        weight_scale=0.9,
        seq_len=100_001,
        **{"engine.compile": True},
    )
    if dtype == "float32":
        given = Moment(given.network.to(torch.float32), given.data.to(torch.float32), given.experiment, 0)
    weight = given.network.weights["layer1.recurrent"].item()
    rows = measured(given, lags=3).set_index("lag").log10_norm
    fallen = rows[100_000] - rows[0]
    assert fallen == pytest.approx(100_000 * np.log10(weight), rel=1e-11)
    assert fallen == pytest.approx(-4575.749056, rel=1e-9 if dtype == "float64" else 1e-6)
    assert rows[50_000] - rows[0] == pytest.approx(fallen / 2, rel=1e-11)


@pytest.mark.parametrize(
    ("cell", "experiment", "layers", "block"),
    [("lstm", "recall_dish", 2, "plain"), ("gru", "copy", 1, "plain"), ("rnn", "dyck", 2, "residual"),
     ("lru", "write_text", 2, "residual")],
)  # fmt: skip
def test_where_norms_are_numbers_it_is_their_logarithm(cell: str, experiment: str, layers: int, block: str) -> None:
    given = moment(cell, experiment=experiment, num_layers=layers, block=block, seed=[0, 1], samples=4)
    found = measured(given, lags=1000)
    with torch.no_grad():
        whole = gradients(given.network, given.data).transport
    for each in (by_lag(profile, given.data.answer) for profile in whole if profile.layer):
        rows = found[(found.layer == each.layer) & (found.part == each.part)]
        there = each.known.any(axis=-1).ravel()
        logs = np.where(each.known, np.log10(each.norms), np.nan).reshape(len(there), -1)[there]
        np.testing.assert_allclose(rows.log10_norm[there], np.nanmean(logs, axis=-1), rtol=1e-10, atol=1e-10)
        np.testing.assert_array_equal(rows.samples, each.known.sum(axis=-1).ravel())
        middle = np.nanquantile(logs, 0.5, axis=-1, method="nearest")
        np.testing.assert_allclose(rows.q50[there], middle, rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("scale", [1e-30, 1e30])
def test_a_step_may_change_it_by_any_factor(scale: float) -> None:
    given = moment("linear", weight_scale=scale, seq_len=60, seed=[0, 1])
    given.network.weights["layer1.input"].fill_(0)
    rows = measured(given)
    first = rows.groupby("member").log10_norm.transform("first")
    np.testing.assert_allclose(rows.log10_norm - first, rows.lag * np.log10(scale), rtol=1e-12, atol=1e-9)


def test_layers_that_fade_at_different_paces_keep_their_own_exponents() -> None:
    """The upper layer forgets by 1e-20 a step, the lower one by a half: its gradient is what entered at the answer."""
    given = moment("linear", num_layers=2, hidden_size=1, init="identity", seq_len=100)
    given.network.weights["layer1.recurrent"].fill_(0.5)
    given.network.weights["layer2.recurrent"].fill_(1e-20)
    rows = measured(given).set_index(["layer", "lag"]).log10_norm
    assert rows[2, 99] - rows[2, 0] == pytest.approx(-20 * 99)
    assert rows[1, 99] - rows[1, 0] == pytest.approx(99 * np.log10(0.5), rel=1e-12)


def test_exactly_nothing_is_minus_infinity_from_there_on() -> None:
    rows = measured(moment("feedforward", num_layers=2))
    assert (rows.log10_norm == -np.inf).tolist() == (rows.lag > 0).tolist()


@pytest.mark.parametrize("value", [torch.inf, torch.nan])
def test_of_weights_that_are_no_numbers_it_is_none(value: float) -> None:
    given = moment("lstm", num_layers=2)
    given.network.flat.fill_(value)
    assert not np.isfinite(measured(given).log10_norm).any()
