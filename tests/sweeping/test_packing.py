"""Which settings pack, how large packs become, and that packing changes no number."""

from __future__ import annotations

import math
import os
from pathlib import Path

import pytest

from harness.plugins.registry import registry
from harness.settings.members import members, packs
from harness.sweeping import packing
from harness.sweeping.packing import members_in_memory, most_members, pack
from harness.training.memory import memory
from tests.conftest import Config
from tests.helpers.sweeps import PACK_TOLERANCE, QUICK, assert_same, command

EVERY_CELL = registry().names("cell")


@pytest.mark.parametrize(
    "key",
    [
        "weight_scale",
        "seed",
        "train.lr",
        "train.clip_norm",
        "cell.forget_bias",
        "train.schedule",
        "train.weight_decay",
        "train.gradient_penalty",
    ],
)
def test_what_changes_no_shape_packs(key: str) -> None:
    assert packs(key, EVERY_CELL)


@pytest.mark.parametrize(
    "key", ["seq_len", "cell", "hidden_size", "train.steps", "train.optimizer", "cell.nonsense", "forget_bias"]
)
def test_what_changes_the_program_does_not(key: str) -> None:
    assert not packs(key, EVERY_CELL)


@pytest.mark.parametrize("most", [1, 2, 5, 64, 1000])
def test_packs_hold_everything_once_and_no_more_than_they_may(most: int) -> None:
    choices = {"cell": ["rnn", "gru"], "seed": [str(n) for n in range(21)], "weight_scale": ["0.9", "1.0", "1.1"]}
    packed = pack(choices, most, choices["cell"])
    largest = math.prod(max(value.count(",") for value in packed[name]) + 1 for name in ("seed", "weight_scale"))
    assert largest <= most
    assert packed["cell"] == ["rnn", "gru"]
    assert [each for value in packed["seed"] for each in value.strip("[]").split(",")] == choices["seed"]


def test_members_that_differ_in_a_cells_bias_start_differently(config: Config) -> None:
    runs = members(config(cell={"name": "lstm", "forget_bias": [0.0, 2.0]}, seed=[0, 1]))
    assert [(each.seed, each.cell.model_dump()["forget_bias"]) for each in runs] == [(0, 0), (0, 2), (1, 0), (1, 2)]
    assert len({each.run_id for each in runs}) == 4


def test_the_memory_of_a_member_grows_with_the_length_and_bounds_the_pack(config: Config) -> None:
    short, long = members(config(seq_len=100))[0], members(config(seq_len=10_000, hidden_size=512))[0]
    assert memory(long).of_pack(2) > 100 * memory(short).of_pack(2)
    assert members_in_memory(members(config(seq_len=1_000_000))[0]) == 1


@pytest.mark.slow
def test_a_packed_sweep_equals_one_that_is_not(tmp_path: Path) -> None:
    sweep = [
        "-m", *QUICK, "cell=lstm", "weight_scale=0.9,1.1", "seed=0,1", "train.lr=0.003,0.01", "train.steps=20",
        "probe.every=10", "engine.compile=true", # step by step: only up to rounding
    ]  # fmt: skip
    for name, how in (("packed", []), ("alone", ["sweep.pack=false"]), ("threes", ["sweep.max_members=3"])):
        done = command(tmp_path, *sweep, *how, f"hydra.sweep.dir={name}")
        assert done.returncode == 0, done.stderr
    jobs = {name: len(list((tmp_path / name / "jobs").iterdir())) for name in ("packed", "alone", "threes")}
    assert jobs == {"packed": 1, "alone": 8, "threes": 4}
    for name in ("alone", "threes"):
        assert_same(tmp_path / "packed", tmp_path / name, tolerance=PACK_TOLERANCE, in_order=False)


def test_a_quarter_of_the_memory_is_for_the_packs_of_a_job(config: Config, monkeypatch: pytest.MonkeyPatch) -> None:
    (made,) = members(config())
    monkeypatch.setattr(packing, "memory_of", lambda device: 40.1 * memory(made).of_pack(1))
    assert members_in_memory(made) == 10
    assert members_in_memory(made, side_by_side=3) == 3
    assert members_in_memory(made, side_by_side=30) == 1


@pytest.mark.parametrize("gigabytes", [80, 40])
def test_a_thousand_lstms_are_one_pack_on_a_large_gpu(
    config: Config, monkeypatch: pytest.MonkeyPatch, gigabytes: int
) -> None:
    """T = 100, B = 32, H = 64, probed in double precision with every norm: 7 GB to train, 4 to be measured."""
    sizes = {"seq_len": 100, "hidden_size": 64, "train": {"batch_size": 32}, "probe": {"batch_size": 32}}
    (made,) = members(config(cell="lstm", device="cuda", engine={"compile": True}, **sizes))
    monkeypatch.setattr(packing, "memory_of", lambda device: gigabytes * 1e9)
    assert members_in_memory(made) >= 1024
    assert memory(made).of_pack(1024) < 12e9


def test_a_container_has_what_its_limit_leaves(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = float(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"))
    for text, expected in (("1000000\n", 1e6), ("max\n", whole), (f"{int(2 * whole)}\n", whole)):
        (tmp_path / "limit").write_text(text)
        monkeypatch.setattr(packing, "Path", lambda name: tmp_path / "limit")
        assert packing.memory_of("cpu") == expected
    assert (most_members("cpu"), most_members("cuda")) == (64, 1024)


def test_where_nobody_says_how_much_memory_there_is_it_is_taken_for_eight_gibibytes(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def unknown(name: str) -> int:
        raise ValueError(name)

    monkeypatch.setattr(packing.os, "sysconf", unknown)
    assert packing.memory_of("cpu") == 8 * 1024**3


@pytest.mark.parametrize(
    ("choices", "most", "packed"),
    [
        ({"seed": list("012")}, 64, {"seed": ["[0,1,2]"]}),
        ({"seed": list("01234")}, 4, {"seed": ["[0,1,2]", "[3,4]"]}),  # halved, rounded up
        ({"seed": ["0"]}, 64, {"seed": ["0"]}),
        ({"seed": list("0123"), "weight_scale": list("12")}, 8, {"seed": ["[0,1,2,3]"], "weight_scale": ["[1,2]"]}),
        ({"seed": list("0123"), "weight_scale": list("12")}, 7,
         {"seed": ["[0,1]", "[2,3]"], "weight_scale": ["[1,2]"]}),
        ({"seed": list("0123"), "weight_scale": list("12")}, 1, {"seed": list("0123"), "weight_scale": list("12")}),
        ({"seq_len": list("34"), "cell": ["rnn"]}, 64, {"seq_len": list("34"), "cell": ["rnn"]}),
    ],
)  # fmt: skip
def test_the_longest_list_is_halved_until_a_job_is_small_enough(
    choices: dict[str, list[str]], most: int, packed: dict[str, list[str]]
) -> None:
    assert pack(choices, most, ["rnn"]) == packed
