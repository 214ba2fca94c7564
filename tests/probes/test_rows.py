"""Every number of a row: quantiles, counts and words that the probes' own tests see on equal units or samples alone."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch

from harness.plugins.registry import registry
from harness.probes import Moment
from tests.helpers.moments import moment


def measured(probe: str, given: Moment, **options: Any) -> pd.DataFrame:
    with torch.no_grad():
        return registry().get("probe", probe)(**options).measure(given)


@torch.no_grad()
def test_gates_have_the_quantiles_over_the_units_and_each_samples_gradient_word_and_role() -> None:
    given = moment("lstm", num_layers=2, seed=[0, 1], hidden_size=5, weight_scale=2.0)
    found = measured("gates", given, samples=2)
    assert found.columns.tolist()[:4] == ["member", "layer", "sample", "t"]
    roles = given.network.shape.cell.gate_roles
    for layer in (1, 2):
        gates, norms = given.gates(layer), given.gradients[layer].totals["c"].norm(dim=-1)
        for row in found[found.layer == layer].itertuples():
            values = gates[row.gate][row.member, row.t - 1, row.sample].numpy()
            assert row.mean == pytest.approx(values.mean())
            assert (row.q10, row.q90) == pytest.approx(tuple(np.quantile(values, [0.1, 0.9])))
            assert row.grad_norm == pytest.approx(norms[row.member, row.t - 1, row.sample].item())
            assert row.role == roles[row.gate]
            token = given.data.inputs[row.member, row.t - 1, row.sample]
            assert row.word == given.experiment.word(int(token))
    assert found.word.nunique() > 4
    without = measured("gates", moment("gru", experiment="sine_to_cosine"))
    assert set(without.word) == {""}


def unequally_asked(cell: str, **changes: Any) -> Moment:
    """Of three samples the first is never asked, the second at the first step alone, the third at the last one too."""
    given = moment(cell, experiment="sine_to_cosine", samples=3, seq_len=7, **changes)
    steps, data = given.data.scored, given.data
    assert (steps[0], steps[-1]) == (1, 7)
    judged = torch.ones_like(data.judged)
    judged[:, 0], judged[:, 1, 1:] = False, False
    answer = np.tile([0, 1, 7], (len(judged), 1))
    return Moment(given.network, dataclasses.replace(data, judged=judged, answer=answer), given.experiment, 0)


@pytest.mark.parametrize("probe", ["signal", "log_gradient"])
def test_samples_count_at_the_lags_that_they_have(probe: str) -> None:
    found = measured(probe, unequally_asked("gru", seed=[0, 1], num_layers=2))
    assert found.groupby("lag").samples.unique().map(list).to_dict() == {0: [2], **{lag: [1] for lag in range(1, 7)}}
    assert sorted(found.groupby(["member", "layer"]).groups) == [(0, 1), (0, 2), (1, 1), (1, 2)]
    assert found.index.is_unique
    if probe == "signal":
        np.testing.assert_allclose(found.noise, 1 / np.sqrt(found.samples))


def test_the_logarithms_of_samples_have_their_mean_and_their_quantiles() -> None:
    given = moment("gru", samples=151, seed=[0, 1])
    found = measured("log_gradient", given)
    with torch.no_grad():
        logs = given.gradients_of(given.data.answer_loss)[1].totals["h"].norm(dim=-1).log10().numpy()
    for row in found.itertuples():
        here = np.sort(logs[row.member, 7 - row.lag])
        assert row.log10_norm == pytest.approx(here.mean())
        assert (row.q10, row.q50, row.q90) == pytest.approx((here[15], here[75], here[135]))


def test_a_window_is_gone_back_through_as_it_was_gone_forward_from_where_the_one_before_has_ended() -> None:
    given = moment("rnn", experiment="sine_to_cosine", samples=2, seq_len=7, weight_scale=2.0)
    assert given.start is not None
    found = measured("log_gradient", given, lags=1000).set_index("lag")
    with torch.no_grad():
        norms = given.gradients_of(given.data.answer_loss)[1].totals["h"].norm(dim=-1)[0]
    steps = given.answer[0].tolist()
    for lag in range(min(steps)):
        logs = [np.log10(norms[step - 1 - lag, sample].item()) for sample, step in enumerate(steps)]
        assert found.log10_norm[lag] == pytest.approx(np.mean(logs), rel=1e-10)


def test_each_units_signal_has_its_median_and_its_upper_quantile() -> None:
    given = moment("rnn", samples=6, hidden_size=41, seed=[0, 1])
    found = measured("signal", given)
    with torch.no_grad():
        totals = given.gradients_of(given.data.answer_loss)[1].totals["h"].numpy()
    for row in found.itertuples():
        here = totals[row.member, 7 - row.lag]
        by_unit = np.sort(np.abs(here.mean(axis=0)) / here.std(axis=0, ddof=1))
        assert (row.unit_q50, row.unit_q90) == pytest.approx((by_unit[20], by_unit[36]))
        assert row.mean == pytest.approx(np.linalg.norm(here.mean(axis=0)))
        assert row.spread == pytest.approx(np.sqrt(here.var(axis=0, ddof=1).sum()))


def test_growth_is_the_root_mean_square_over_samples_that_have_the_lag() -> None:
    """Of one unit there is one direction, up or down: each sample's growth is its product of slopes."""
    given = moment("rnn", experiment="dyck", samples=5, hidden_size=1, seed=[0, 1], seq_len=12)
    found = measured("perturbation", given, epsilon=[1e-6, 1e-5], samples=4, directions=2)
    assert len(set(given.answer[:, :4].flatten().tolist())) > 2
    h = given.states[0]["h"][..., 0].numpy()
    for row in found.itertuples():
        answers, weight = given.answer[row.member, :4].tolist(), given.network.weights["layer1.recurrent"][row.member]
        slopes = [
            np.prod(weight.item() * (1 - h[row.member, end - row.lag + 1 : end + 1, sample] ** 2))
            for sample, end in enumerate(answers) if end > row.lag
        ]  # fmt: skip
        assert row.samples == len(slopes)
        if slopes:
            truth = np.sqrt(np.mean(np.square(slopes)))
            assert row.linear == pytest.approx(truth, rel=1e-9)
            assert row.growth == pytest.approx(truth, rel=1e-3, abs=1e-9)
    assert found.index.is_unique
    assert found.lag.min() == 1


def test_directions_of_a_lower_layer_are_compared_with_its_own_gradient_at_the_answer() -> None:
    given = moment("lstm", num_layers=2, seq_len=6)
    found = measured("jacobian", given, samples=1, keep=100).query("layer == 1 and lag == 5").sort_values("rank")
    with torch.no_grad():
        of_h = given.gradients_of(given.data.answer_loss)[1].totals["h"][0, 5, 0]
        at_end = torch.cat([of_h, torch.zeros(4)])  # after the last step nobody reads c
        product = torch.eye(8, dtype=torch.float64)
        for t in range(2, 7):
            product = given.jacobian(1, t, [0])[0, 0] @ product
    left, values, _ = torch.linalg.svd(product)
    for rank, row in enumerate(found.itertuples()):
        if values[rank] > 1e-9:
            assert row.left == pytest.approx(abs(left[:, rank] @ at_end / at_end.norm()).item(), rel=1e-6)
    assert found.log10_condition.iloc[0] == pytest.approx(torch.log10(values[0] / values[-1]).item(), rel=1e-6)
