from __future__ import annotations

import itertools
import subprocess
import sys
from typing import Any

import pytest
from omegaconf import OmegaConf

from harness.base.errors import UserError
from harness.base.options import Options
from harness.base.paths import shipped_folder
from harness.cells.gated.lstm import LSTM
from harness.experiments.parity import Parity
from harness.settings.conduct import CONDUCT
from harness.settings.members import members
from harness.settings.settings import SECTIONS, Settings, described
from tests.conftest import Config


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"cell": "lstmm"}, ["cell=lstmm", "did you mean 'lstm'", "valid: lstm, "]),
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
        ({"train": {"optimizer": "adamax"}}, ["train.optimizer=adamax", "adam", "adamw", "sgd", "rmsprop"]),
        ({"train": {"momentum": 0.9}}, ["train.momentum=0.9", "train.optimizer=adam", "valid: 0, or sgd"]),
        ({"train": {"momentum": 1.0, "optimizer": "sgd"}}, ["train.momentum=1.0", "less than 1"]),
        ({"train": {"warmup": 6}}, ["train.warmup=6", "train.steps=6", "valid: less than"]),
        ({"train": {"step_size": 3}}, ["train.step_size=3", "train.schedule=constant", "valid: null, or step"]),
        ({"train": {"gamma": 0.5, "schedule": "cosine"}}, ["train.gamma=0.5", "train.schedule=cosine"]),
        (
            {"train": {"schedule": "step", "step_size": 4, "warmup": 2}},
            ["train.step_size=4", "no drop in 4 steps after the warm-up", "valid: less than 4"],
        ),
        (
            {"cell": "mamba", "train": {"orthogonal_penalty": 0.1}},
            ["train.orthogonal_penalty=0.1", "cell=mamba", "no recurrent matrix", "valid: null"],
        ),
        ({"cell": "echo_state", "train": {"gradient_penalty": 1.0}}, ["train.gradient_penalty=1.0", "cell=echo_state"]),
        ({"train": {"schedule": "linear"}}, ["train.schedule=linear", "constant", "cosine", "step"]),
        ({"probe": {"every": 0}}, ["probe.every=0", "greater than or equal to 1"]),
        ({"cell": {"name": "lstm", "forget_bias": "big"}}, ["cell.forget_bias=big", "number"]),
        ({"cell": {"name": "lstm", "forgetbias": 1}}, ["cell.forgetbias", "did you mean 'cell.forget_bias'"]),
        (
            {"experiment": {"name": "recall_dish", "n_dishes": 99}},
            ["experiment.n_dishes=99", "less than or equal to 12"],
        ),
        ({"cell": {"forget_bias": 1}}, ["cell={'forget_bias': 1}", "unknown cell", "valid: "]),
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


def test_a_section_that_is_none_is_refused_with_what_stands_in_it(config: Config) -> None:
    for key, inside in (("train", "steps, batch_size"), ("eval", "seq_len"), ("probe", "every"), ("engine", "compile")):
        with pytest.raises(UserError, match=rf"^{key}=3: valid: a section with {inside}"):
            members({**config(), key: 3})


def test_compiling_is_worth_it_for_long_runs_whatever_their_company(config: Config) -> None:
    long = {"steps": 10_000, "batch_size": 32}
    for seeds in (0, [0, 1, 2]):
        assert all(run.compiled for run in members(config(seed=seeds, train=long, engine={"compile": "auto"})))
        assert not any(run.compiled for run in members(config(seed=seeds, engine={"compile": "auto"})))
    assert members(config(engine={"compile": True}))[0].compiled
    assert not members(config(train=long, engine={"compile": False}))[0].compiled


def test_recomputing_is_worth_it_for_networks_that_store_much(config: Config) -> None:
    def recomputed(recompute: object, **changes: Any) -> bool:
        return members(config(engine={"recompute": recompute}, **changes))[0].recomputed

    large = {"train": {"batch_size": 1 << 14}, "hidden_size": 128, "seq_len": 64}
    assert recomputed("auto", **large)
    assert not recomputed(False, **large)
    assert not recomputed("auto")
    assert recomputed(True)


def test_a_negative_weight_is_meaningful_for_a_multiple_of_the_identity(config: Config) -> None:
    assert members(config(weight_scale=-0.9, init="identity"))[0].weight_scale == -0.9


def test_lists_make_one_member_per_combination(config: Config) -> None:
    runs = members(config(weight_scale=[0.9, 1.1], seed=[0, 1, 2], train={"lr": [0.1, 0.2]}))
    found = [(run.weight_scale, run.seed, run.train.lr) for run in runs]
    assert found == list(itertools.product([0.9, 1.1], [0, 1, 2], [0.1, 0.2]))


def test_run_id_depends_on_every_setting_and_on_nothing_else(config: Config) -> None:
    changes = [
        {}, {"cell": "gru"}, {"seq_len": 9}, {"weight_scale": 0.9}, {"seed": 1}, {"hidden_size": 7},
        {"num_layers": 2}, {"num_layers": 2, "dropout": 0.1}, {"num_layers": 2, "dropout_kind": "variational"},
        {"input_scale": 0.5}, {"embedding_size": 3}, {"train": {"k2": 3}}, {"train": {"k2": 3, "k1": 2}},
        {"block": "residual"}, {"init": "gaussian"}, {"dtype": "float64"}, {"train": {"lr": 0.02}},
        {"train": {"weight_decay": 0.1}}, {"train": {"schedule": "cosine"}}, {"train": {"clip_value": 0.1}},
        {"probe": {"every": 2}}, {"engine": {"compile": True}}, {"experiment": {"name": "recall_dish", "n_dishes": 3}},
    ]  # fmt: skip
    ids = [members(config(**change))[0].run_id for change in changes]
    assert len(set(ids)) == len(changes)
    packed = {run.seed: run.run_id for run in members(config(seed=[1, 0]))}
    assert packed == {0: ids[0], 1: ids[4]}


def test_run_id_depends_on_the_options_of_probes_and_not_on_their_order(config: Config) -> None:
    chosen: list[dict[str, Any]] = [
        {}, {"gates": {}}, {"gates": None, "memory": None}, {"memory": {}, "gates": {}}, {"memory": {"samples": 64}}
    ]  # fmt: skip
    ids = [members(config(probes=probes))[0].run_id for probes in chosen]
    assert ids[2] == ids[3]
    assert len(set(ids)) == 4
    (run,) = members(config(probes=chosen[-1]))
    assert (run.flat()["probes.memory"], run.flat()["probes.memory.samples"]) == (True, 64)


def test_every_setting_says_what_it_is() -> None:
    def keys(model: type[Options], prefix: str = "") -> list[str]:
        plain = [prefix + key for key in model.model_fields if key not in (*SECTIONS, "experiment", "cell", "probes")]
        return plain + [each for key, own in SECTIONS.items() if model is Settings for each in keys(own, f"{key}.")]

    assert sorted(name for name, _ in described(Settings)) == sorted(keys(Settings))
    for section in CONDUCT.values():
        assert {*section.model_fields} - {name for name, _ in described(section)} <= {"only", "pruning"}


def test_the_defaults_of_the_configuration_file_are_those_of_the_settings() -> None:
    written: Any = OmegaConf.to_container(OmegaConf.load(shipped_folder("conf") / "config.yaml"))
    expected = defaults(Settings) | {key: defaults(section) for key, section in CONDUCT.items()}
    del expected["probes"]  # a config group, in the file's list of defaults
    # Set by the sweepers alone.
    assert [expected["sweep"].pop(key) for key in ("only", "pruning")] == [None, False]
    assert {key: written.get(key) for key in expected} == expected
    assert set(written) - set(expected) == {"defaults", "plugins", "tracker", "hydra"}


def defaults(model: type[Options]) -> dict[str, Any]:
    """The defaults of a model's settings; those without one (experiment and cell) are config groups."""
    fields = model.model_fields.items()
    found = {key: field.get_default(call_default_factory=True) for key, field in fields if not field.is_required()}
    return {key: value.model_dump() if isinstance(value, Options) else value for key, value in found.items()}


def test_settings_are_made_in_python_from_plugins_and_what_differs_from_the_defaults() -> None:
    made = Settings(experiment=Parity(), cell=LSTM(forget_bias=2.0), seq_len=8)
    assert (made.hidden_size, made.train.steps, made.probe.dtype) == (32, 300, "float64")
    config = {"experiment": {"name": "parity"}, "cell": {"name": "lstm", "forget_bias": 2.0}, "seq_len": 8}
    (named,) = members(config)
    assert named.run_id == made.run_id
    (given,) = members({"experiment": Parity(), "cell": LSTM(forget_bias=2.0), "seq_len": 8})
    assert given.run_id == made.run_id


def test_settings_are_validated_without_torch() -> None:
    code = (
        "import sys; from harness.settings.members import members; "
        "members({'experiment': {'name': 'recall_dish'}, 'cell': {'name': 'gru'}, 'seed': [0, 1], 'device': 'cpu'}); "
        "assert 'torch' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True, cwd=shipped_folder("conf").parent)
