from __future__ import annotations

import itertools

import pytest

from harness.base.errors import UserError
from harness.settings.members import members
from tests.conftest import Config


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"cell": "lstmm"}, ["cell=lstmm", "did you mean 'lstm'", "feedforward, gru,"]),
        ({"experiment": "recal_dish"}, ["experiment=recal_dish", "did you mean 'recall_dish'"]),
        ({"seq_len": 4}, ["seq_len=4", "recall_dish", "5 or more"]),
        ({"seq_len": "long"}, ["seq_len=long", "integer"]),
        ({"hidden_size": 0}, ["hidden_size=0", "greater than or equal to 1"]),
        ({"weight_scale": -0.9}, ["weight_scale=-0.9", "init=orthogonal", "0 or more"]),
        ({"weight_scale": float("nan")}, ["weight_scale=nan", "finite"]),
        ({"init": "xavier"}, ["init=xavier", "orthogonal, gaussian, identity, uniform"]),
        ({"device": "tpu"}, ["device=tpu", "cpu"]),
        ({"dtype": "float16"}, ["dtype=float16", "float32", "float64"]),
        ({"seed": -1}, ["seed=-1", "greater than or equal to 0"]),
        ({"seed": []}, ["seed=[]", "empty"]),
        ({"train": {"lr": 0}}, ["train.lr=0", "greater than 0"]),
        ({"train": {"optimizer": "adamw"}}, ["train.optimizer=adamw", "adam", "sgd", "rmsprop"]),
        ({"probe": {"every": 0}}, ["probe.every=0", "greater than or equal to 1"]),
        ({"cell": {"name": "lstm", "forget_bias": "big"}}, ["cell.forget_bias=big", "number"]),
        ({"cell": {"name": "lstm", "forgetbias": 1}}, ["cell.forgetbias", "did you mean 'cell.forget_bias'"]),
        (
            {"experiment": {"name": "recall_dish", "n_dishes": 99}},
            ["experiment.n_dishes=99", "less than or equal to 12"],
        ),
        ({"num_layer": 2}, ["num_layer", "did you mean 'num_layers'"]),
    ],
)
def test_a_wrong_setting_is_named_in_one_line_with_what_is_valid(config: Config, changes: dict, words: list) -> None:
    with pytest.raises(UserError) as caught:
        members(config(**changes))
    message = str(caught.value)
    assert "\n" not in message
    for word in words:
        assert word in message


def test_compiling_is_worth_it_for_long_runs_whatever_their_company(config: Config) -> None:
    long = {"steps": 10_000, "batch_size": 32}
    for seeds in (0, [0, 1, 2]):
        assert all(run.compiled for run in members(config(seed=seeds, train=long, engine={"compile": "auto"})))
        assert not any(run.compiled for run in members(config(seed=seeds, engine={"compile": "auto"})))
    assert members(config(engine={"compile": True}))[0].compiled
    assert not members(config(train=long, engine={"compile": False}))[0].compiled


def test_a_negative_weight_is_meaningful_for_a_multiple_of_the_identity(config: Config) -> None:
    assert members(config(weight_scale=-0.9, init="identity"))[0].weight_scale == -0.9


def test_lists_make_one_member_per_combination(config: Config) -> None:
    runs = members(config(weight_scale=[0.9, 1.1], seed=[0, 1, 2], train={"lr": [0.1, 0.2]}))
    found = [(run.weight_scale, run.seed, run.train.lr) for run in runs]
    assert found == list(itertools.product([0.9, 1.1], [0, 1, 2], [0.1, 0.2]))


def test_run_id_depends_on_every_setting_and_on_nothing_else(config: Config) -> None:
    changes = [
        {}, {"cell": "gru"}, {"seq_len": 9}, {"weight_scale": 0.9}, {"seed": 1}, {"hidden_size": 7},
        {"num_layers": 2}, {"init": "gaussian"}, {"dtype": "float64"}, {"train": {"lr": 0.02}},
        {"probe": {"every": 2}}, {"engine": {"compile": True}}, {"experiment": {"name": "recall_dish", "n_dishes": 3}},
    ]  # fmt: skip
    ids = [members(config(**change))[0].run_id for change in changes]
    assert len(set(ids)) == len(changes)
    packed = {run.seed: run.run_id for run in members(config(seed=[1, 0]))}
    assert packed == {0: ids[0], 1: ids[4]}
