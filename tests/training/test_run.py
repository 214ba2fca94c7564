"""Whole runs through `harness.training`, without the command line."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from harness.settings.members import members
from harness.tables.columns import COLUMNS
from harness.training.pack import run
from tests.conftest import Config

Frames = dict[str, pd.DataFrame]


def tables(made: dict[str, Any]) -> Frames:
    return run(members(made))


def only(found: Frames, **settings: Any) -> Frames:
    """The rows of the runs with these settings."""
    runs = found["runs"]
    for key, value in settings.items():
        runs = runs[runs[key] == value]
    return {name: frame[frame.run_id.isin(runs.run_id)].reset_index(drop=True) for name, frame in found.items()}


def without_times(found: Frames) -> Frames:
    return {**found, "runs": found["runs"].drop(columns="seconds")}


def test_tables_have_the_columns_of_the_contract(config: Config) -> None:
    found = tables(config(cell="lstm", eval={"seq_len": [8]}))
    for name, columns in COLUMNS.items():
        assert set(columns) <= set(found[name].columns), name
    assert {"train.lr", "probe.every", "cell.forget_bias", "experiment.n_dishes"} <= set(found["runs"].columns)


def test_probes_stand_at_the_start_at_every_interval_and_at_the_end(config: Config) -> None:
    found = tables(config(train={"steps": 7}, probe={"every": 3}))
    assert found["curves"].step.tolist() == [0, 3, 6, 7]
    assert sorted(found["gradients"].step.unique()) == [0, 3, 6, 7]


def test_every_part_of_every_layer_and_the_inputs_have_a_row_per_time_step(config: Config) -> None:
    found = tables(config(cell="lstm", num_layers=2, seq_len=9, train={"steps": 0}))["gradients"]
    kinds = found[["layer", "part"]].drop_duplicates().itertuples(index=False)
    assert {tuple(kind) for kind in kinds} == {(0, "x"), (1, "h"), (1, "c"), (2, "h"), (2, "c")}
    for _, rows in found.groupby(["layer", "part"]):
        assert rows.t.tolist() == list(range(1, 10))
        assert (rows.lag == 9 - rows.t).all()


@pytest.mark.parametrize("weight", [0.9, 1.1])
def test_the_scalar_example_comes_out_of_a_whole_run(config: Config, weight: float) -> None:
    made = config(cell="linear", hidden_size=1, init="identity", weight_scale=weight, seq_len=100, train={"steps": 0})
    found = tables(made)
    profile = found["gradients"].query("part == 'h'").sort_values("lag")
    np.testing.assert_allclose(profile.grad_norm / profile.grad_norm.iloc[0], weight**profile.lag, rtol=1e-10)
    outcome = found["runs"].iloc[0]
    assert np.exp(outcome.decay_rate) == pytest.approx(weight, rel=1e-10)
    assert outcome.grad_ratio == pytest.approx(weight**97, rel=1e-10)  # the dish stands at step 3
    assert outcome.verdict == ("vanishing" if weight < 1 else "exploding")


def test_the_same_configuration_gives_bit_identical_tables(config: Config) -> None:
    made = config(cell="gru", seed=[0, 1], weight_scale=[0.9, 1.1])
    first, second = without_times(tables(made)), without_times(tables(made))
    for name in first:
        pd.testing.assert_frame_equal(first[name], second[name], check_exact=True)


def test_members_together_equal_members_alone_within_rounding(config: Config) -> None:
    together = tables(config(cell="lstm", seed=[0, 1], weight_scale=[0.9, 1.1]))
    alone = tables(config(cell="lstm", seed=1, weight_scale=1.1))
    found = only(together, seed=1, weight_scale=1.1)
    assert found["runs"].run_id.tolist() == alone["runs"].run_id.tolist()
    for name, tolerance in (("curves", 1e-4), ("gradients", 1e-3)):
        pd.testing.assert_frame_equal(found[name], alone[name], check_exact=False, rtol=tolerance)


def test_runs_that_differ_in_cell_or_weight_scale_see_the_same_data(config: Config) -> None:
    shown = [
        tables(config(cell=cell, weight_scale=scale, train={"steps": 0}))["samples"][["text", "expected"]]
        for cell, scale in (("rnn", 0.9), ("lstm", 1.1))
    ]
    pd.testing.assert_frame_equal(*shown)
    other = tables(config(seed=1, train={"steps": 0}))["samples"]
    assert (shown[0].text != other.text).any()


def test_a_diverging_member_is_recorded_and_its_neighbours_do_not_notice(config: Config) -> None:
    wild = {"cell": "rnn_relu", "init": "identity", "seq_len": 40, "train": {"lr": 0.01, "clip_norm": None}}
    both = tables(config(weight_scale=[1.0, 40.0], **wild))
    lost, kept = only(both, weight_scale=40.0), only(both, weight_scale=1.0)
    outcome = lost["runs"].iloc[0]
    assert outcome.status == "diverged"
    assert 1 <= outcome.diverged_at <= 6
    assert outcome.steps == outcome.diverged_at - 1
    assert not np.isfinite(outcome.loss)
    assert kept["runs"].status.tolist() == ["ok"]
    calm = tables(config(weight_scale=[1.0, 1.0 - 1e-9], **wild))
    calm = only(calm, weight_scale=1.0)
    for name in ("curves", "gradients", "samples"):
        pd.testing.assert_frame_equal(kept[name], calm[name], check_exact=True)


def test_a_diverged_run_ends_with_a_probe_that_shows_it(config: Config) -> None:
    made = config(cell="rnn_relu", init="identity", seq_len=40, weight_scale=40.0)
    made["train"]["steps"], made["probe"]["dtype"] = 30, "float32"
    found = tables(made)
    assert found["runs"].status.tolist() == ["diverged"]
    last = found["gradients"][found["gradients"].step == found["gradients"].step.max()]
    assert not np.isfinite(last[last.part == "h"].grad_norm).all()
    assert found["curves"].step.max() == found["runs"].diverged_at.iloc[0]


@pytest.mark.parametrize("optimizer", ["adam", "sgd", "rmsprop"])
def test_learning_rate_and_clipping_are_each_members_own(config: Config, optimizer: str) -> None:
    train = {"optimizer": optimizer, "lr": [1e-3, 1e-2], "clip_norm": [1e-3, None]}
    together = tables(config(train=train))
    for lr in train["lr"]:
        for clip in train["clip_norm"]:
            alone = tables(config(train={"optimizer": optimizer, "lr": lr, "clip_norm": clip}))
            ids = alone["runs"].run_id
            curves = together["curves"][together["curves"].run_id.isin(ids)].reset_index(drop=True)
            pd.testing.assert_frame_equal(curves, alone["curves"], check_exact=False, rtol=1e-3)
            assert (curves.clipped.iloc[-1] == 1.0) == (clip is not None)


def test_double_precision_training_runs(config: Config) -> None:
    assert tables(config(dtype="float64"))["runs"].status.tolist() == ["ok"]


def test_a_network_without_memory_stays_at_chance(config: Config) -> None:
    made = config(cell="feedforward", hidden_size=32, seed=[0, 1], train={"steps": 150, "batch_size": 32, "lr": 0.003})
    runs = tables(made)["runs"]
    assert abs(runs.accuracy.mean() - 0.125) < 3 * np.sqrt(0.125 * 0.875 / 1024)
    assert (runs.chance == 0.125).all()
    assert (runs.grad_ratio == 0).all()


def test_members_that_are_left_out_of_a_pack_change_nothing_for_the_others(config: Config) -> None:
    """Three of four diverge and are left out; the one that stays gives what it gives alone, to the bit."""
    wild = {"cell": "rnn_relu", "init": "identity", "seq_len": 40, "engine": {"compile": True}}
    train = {"steps": 12, "lr": 0.01, "clip_norm": None}
    pack = tables(config(weight_scale=[1.0, 40.0, 41.0, 42.0], train=train, **wild))
    assert pack["runs"].status.tolist() == ["ok", "diverged", "diverged", "diverged"]
    assert pack["curves"].groupby("run_id", sort=False).step.max().tolist()[0] == 12
    alone = tables(config(weight_scale=1.0, train=train, **wild))
    for name in ("curves", "gradients", "samples"):
        kept = only(pack, weight_scale=1.0)[name]
        pd.testing.assert_frame_equal(kept, alone[name], check_exact=True)


def test_a_solved_run_stops_where_asked_to(config: Config) -> None:
    easy = {"cell": "lstm", "seq_len": 8, "hidden_size": 32, "seed": [0, 1], "engine": {"compile": True}}
    train = {"steps": 400, "batch_size": 32, "lr": 0.01}
    probe = {"every": 20}
    full = tables(config(train=train, probe=probe, **easy))
    short = tables(config(train={**train, "stop_solved": True}, probe=probe, **easy))
    assert full["runs"].steps.tolist() == [400, 400]
    for (_, whole), (_, own), (_, run_row) in zip(
        full["curves"].groupby("run_id", sort=False),
        short["curves"].groupby("run_id", sort=False),
        short["runs"].iterrows(),
        strict=True,
    ):
        solved_at = whole[whole.accuracy >= 0.95].step.min()
        assert run_row.steps == own.step.max() == solved_at < 400
        assert run_row.solved
        numbers = ["loss", "accuracy", "grad_norm_weights"]
        np.testing.assert_array_equal(own[numbers], whole[whole.step <= solved_at][numbers])


def test_runs_that_are_pruned_end_at_once_without_an_outcome_and_with_all_that_was_measured(config: Config) -> None:
    made = config(seed=[0, 1], train={"steps": 6}, probe={"every": 2})
    full, found = tables(made), run(members(made), hopeless=lambda record: len(record.members[0].curve) == 3)
    assert found["runs"].status.tolist() == ["pruned", "pruned"]
    assert found["runs"].steps.tolist() == [4, 4]
    assert found["runs"][["loss", "accuracy", "solved", "decay_rate", "verdict"]].isna().all(axis=None)
    before = ["run_id", "chance", "decay_rate_init", "verdict_init", "parameters", "memory", "cue_step"]
    pd.testing.assert_frame_equal(found["runs"][before], full["runs"][before])
    for name in ("curves", "gradients", "transport"):
        till_then = full[name][full[name].step <= 4].reset_index(drop=True)
        pd.testing.assert_frame_equal(found[name], till_then)


def test_runs_that_have_come_to_their_end_are_not_pruned(config: Config) -> None:
    made = config(train={"steps": 2}, probe={"every": 2})
    assert run(members(made), hopeless=lambda record: True)["runs"].status.tolist() == ["ok"]
