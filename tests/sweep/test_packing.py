"""Which settings pack, how large packs become, and that packing changes no number."""

from __future__ import annotations

import math
from pathlib import Path

import pytest

from harness.plugins.registry import registry
from harness.settings.members import members, packs
from harness.sweep.packing import bytes_per_member, members_in_memory, pack
from tests.conftest import Config
from tests.helpers.sweeps import PACK_TOLERANCE, QUICK, assert_same, command

EVERY_CELL = registry().names("cell")


@pytest.mark.parametrize("key", ["weight_scale", "seed", "train.lr", "train.clip_norm", "cell.forget_bias"])
def test_what_changes_no_shape_packs(key: str) -> None:
    assert packs(key, EVERY_CELL)


@pytest.mark.parametrize("key", ["seq_len", "cell", "hidden_size", "train.steps", "cell.nonsense", "forget_bias"])
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
    assert bytes_per_member(long) > 100 * bytes_per_member(short)
    assert members_in_memory(short, side_by_side=2) == pytest.approx(members_in_memory(short) / 2, abs=1)
    assert members_in_memory(members(config(seq_len=10_000_000))[0]) == 1


@pytest.mark.slow
def test_a_packed_sweep_equals_one_that_is_not(tmp_path: Path) -> None:
    sweep = [
        "-m", *QUICK, "cell=rnn,lstm", "weight_scale=0.9,1.1", "seed=0,1", "train.lr=0.003,0.01", "train.steps=20",
        "probe.every=10",
    ]  # fmt: skip
    for name, how in (("packed", []), ("alone", ["sweep.pack=false"]), ("threes", ["sweep.max_members=3"])):
        done = command(tmp_path, *sweep, *how, f"hydra.sweep.dir={name}")
        assert done.returncode == 0, done.stderr
    jobs = {name: len(list((tmp_path / name / "jobs").iterdir())) for name in ("packed", "alone", "threes")}
    assert (jobs["packed"], jobs["alone"]) == (2, 16)
    for name in ("alone", "threes"):
        assert_same(tmp_path / "packed", tmp_path / name, tolerance=PACK_TOLERANCE, in_order=False)
