"""Probes of samples of different length: numbers are about those samples that have a step, and about no padding."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch

import harness
from harness.experiment import Batch
from harness.measure.gradients import gradients
from harness.plugins.registry import registry
from harness.probes import Moment
from harness.tasks import streams as module
from harness.tasks.data import Data
from harness.tasks.drawn import Drawn, drawn, ready
from harness.tasks.experiment import Experiment
from harness.testing._problems import small_runs
from harness.training.building import build, streams
from harness.training.rows import gradient_rows

OPTIONS: dict[str, dict[str, Any]] = {
    "attribution": {"samples": 3},
    "curvature": {"iterations": 3},
    "dimension": {"samples": 20},
    "eigenvalues": {},
    "gates": {"samples": 4},
    "jacobian": {"lags": 3},
    "log_gradient": {},
    "lyapunov": {"steps": 30, "warm_up": 2, "blocks": 2, "samples": 2},
    "memory": {"samples": 20, "steps": 2},
    "perturbation": {"lags": 2},
    "saturation": {},
    "signal": {},
    "time_scales": {},
    "weight_gradient": {},
}


def measured(probe: str, given: Moment, **options: Any) -> pd.DataFrame:
    with torch.no_grad():
        return registry().get("probe", probe)(**options).measure(given)


def task(name: str = "recall_dish", shortest: int = 6, **options: Any) -> Experiment:
    return registry().get("experiment", name)(shortest=shortest, **options)


def ragged(
    cell: str, samples: int = 6, seq_len: int = 13, experiment: Experiment | None = None, **changes: Any
) -> Moment:
    """Untrained networks on a probe batch of rows of different length."""
    own = {"hidden_size": 4, "seq_len": seq_len, **changes}
    made = small_runs(experiment or task(), registry().get("cell", cell)(), **own)
    data = streams(made, "probe").answering(samples, torch.float64)
    assert data.lengths is not None
    assert len(data.lengths.unique()) > 2
    return Moment(build(made, torch.float64), data, made[0].experiment, 0, [each.seed for each in made])


def alone(given: Moment, member: int, sample: int) -> Moment:
    """One sample of one member, cut at its end."""
    data = ready([given.data.batches[member].alone(sample)], [0], given.data.meaning, torch.float64)
    return Moment(given.network.only([member]), data, given.experiment, 0)


def all_are_measured() -> set[str]:
    return set(registry().names("probe"))


def test_every_probe_is_tried() -> None:
    assert all_are_measured() <= set(OPTIONS)


@pytest.mark.parametrize("probe", OPTIONS)
def test_what_follows_an_end_changes_no_number(probe: str, monkeypatch: pytest.MonkeyPatch) -> None:
    frames = []
    for fill in (None, 5):

        def filled(*given: Any, fill: int | None = fill, **named: Any) -> Drawn:
            found = drawn(*given, **named)
            data = found.data
            if fill is not None and data.lengths is not None:
                after = torch.arange(1, data.inputs.shape[1] + 1)[:, None] > data.lengths[:, None]
                assert after.any()
                data.inputs[after] = fill
            return found

        monkeypatch.setattr(module, "drawn", filled)
        frames.append(measured(probe, ragged("lstm", seed=[0, 1], num_layers=2), **OPTIONS[probe]))
    assert len(frames[0])
    pd.testing.assert_frame_equal(*frames, check_exact=True)


def test_gates_have_the_rows_of_each_sample_alone() -> None:
    given = ragged("gru", seed=[0, 1])
    found = measured("gates", given, samples=3)
    for (member, sample), rows in found.groupby(["member", "sample"]):
        own = measured("gates", alone(given, member, sample), samples=1)
        assert rows.t.max() == given.data.batches[member].ends[sample]
        columns = ["t", "word", "gate", "mean", "q10", "q90", "grad_norm"]
        pd.testing.assert_frame_equal(rows[columns].reset_index(drop=True), own[columns], rtol=1e-10)


def test_saturation_is_the_mean_over_the_samples_that_have_the_step() -> None:
    given = ragged("lstm", samples=5, weight_scale=3.0)
    ends = given.data.batches[0].ends
    found = measured("saturation", given, steps=20, limit=0.95)
    singles = pd.concat([measured("saturation", alone(given, 0, b), steps=20, limit=0.95) for b in range(5)])
    expected = singles.groupby(["unit", "t"])[["share", "slope"]].mean()
    assert found.t.max() == ends.max()
    got = found.set_index(["unit", "t"])[["share", "slope"]].sort_index()
    pd.testing.assert_frame_equal(got, expected.sort_index(), rtol=1e-10)


def test_time_scales_are_geometric_means_over_the_steps_that_there_are() -> None:
    given = ragged("lstm", samples=5)
    ends = given.data.batches[0].ends
    found = measured("time_scales", given, steps=50)
    logs = [np.log(measured("time_scales", alone(given, 0, b), steps=50).kept) * ends[b] for b in range(5)]
    np.testing.assert_allclose(found.kept, np.exp(np.sum(logs, axis=0) / ends.sum()), rtol=1e-10)


def test_directions_are_counted_among_the_samples_that_have_the_step() -> None:
    given = ragged("rnn")
    data = given.fresh(30, "dimension")
    found = measured("dimension", given, samples=30, steps=13)
    state = Moment(given.network, data, given.experiment, 0).states[0]["h"][0]
    for row in found.itertuples():
        there = data.batches[0].ends >= row.t
        if there.sum() < 2:
            assert np.isnan(row.participation_ratio)
        if there.sum() < 2 or row.t <= 2:  # all sentences begin with the same words
            continue
        values = np.linalg.eigvalsh(np.cov(state[row.t, there].numpy().T))
        assert row.participation_ratio == pytest.approx(values.sum() ** 2 / np.square(values).sum())


def test_the_jacobian_is_that_of_the_middle_of_the_first_sample() -> None:
    given = ragged("rnn", seed=[0, 1, 2])
    found = measured("eigenvalues", given).query("matrix == 'J'")
    for member in range(3):
        own = measured("eigenvalues", alone(given, member, 0)).query("matrix == 'J'")
        assert set(found[found.member == member].t) == {given.data.batches[member].ends[0] // 2 + 1}
        np.testing.assert_allclose(found[found.member == member].singular_value, own.singular_value, rtol=1e-12)


def test_an_answer_is_read_out_of_the_samples_that_have_the_step() -> None:
    given = ragged("rnn", seed=[0, 1])
    ends = [batch.ends for batch in given.fresh(40, "memory").batches]
    found = measured("memory", given, samples=40, steps=4)
    assert found.samples.nunique() > 2
    for row in found.itertuples():
        assert row.samples == (ends[row.member] >= row.t).sum()


def test_what_drives_is_the_samples_one_after_another_without_padding() -> None:
    from harness.probes.lyapunov import _driving

    given = ragged("rnn")
    drawn = [module.Streams(given.experiment, 13, [0], "lyapunov") for _ in range(2)]
    inputs = _driving(drawn[0], 3, 40, torch.float64)
    assert inputs.shape == (1, 40, 3)
    batches = [drawn[1].next(3, torch.float64) for _ in range(8)]
    for sample in range(3):
        rows = [
            batch.inputs[0, : int(batch.lengths[0, sample]), sample] for batch in batches if batch.lengths is not None
        ]
        assert torch.equal(inputs[0, :, sample], torch.cat(rows)[:40])


def test_gradients_say_how_many_samples_have_a_step() -> None:
    given = ragged("lstm", seed=[0, 1], experiment=task("parity", 3))
    found = gradients(given.network, given.data)
    lengths = given.data.lengths.numpy()
    rows = gradient_rows(found.whole, 0, {0: "a", 1: "b"}, lengths)
    singles = {(k, b): gradients(*_of(alone(given, k, b))).whole for k in range(2) for b in range(6)}
    for row in rows.itertuples():
        member = "ab".index(row.run_id)
        there = lengths[member] >= row.t
        assert row.samples == there.sum() > 0
        norms = [
            profile.norms[0, row.t - 1, 0].item()
            for sample in np.flatnonzero(there)
            for profile in singles[member, sample]
            if (profile.layer, profile.part) == (row.layer, row.part)
        ]
        assert row.grad_norm == pytest.approx(np.mean(norms), rel=1e-10)
    assert rows.groupby("run_id").t.max().tolist() == lengths.max(axis=1).tolist()


def _of(given: Moment) -> tuple[Any, Data]:
    return given.network, given.data


def test_a_network_of_ones_own_is_probed_on_rows_that_end_where_they_do() -> None:
    layer, readout = torch.nn.LSTM(2, 4, batch_first=True), torch.nn.Linear(4, 2)
    inputs, lengths = np.random.default_rng(0).normal(size=(6, 9, 2)), np.array([3, 9, 5, 5, 7, 2])
    inputs[np.arange(1, 10) > lengths[:, None]] = np.nan
    found = harness.probe(layer, Batch(inputs, np.zeros((6, 1), int), lengths=lengths), readout=readout)
    for table in (found.gradients, found.transport):
        own = table.query("part == 'c'")
        assert own.samples.tolist() == [6, 6, 5, 4, 4, 2, 2, 1, 1]
        assert own.grad_norm.gt(0).all()
