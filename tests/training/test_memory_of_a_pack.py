"""What a pack is said to take in memory is what torch holds: allocation by allocation, over training and measuring."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from harness.bench.memory import peak_bytes
from harness.engine.scan.triton.scanner import SPAN
from harness.settings.members import members
from harness.training import memory as of_memory
from harness.training.memory import Memory, memory
from harness.training.pack import Pack, run
from tests.conftest import Config

SHAPES: dict[str, dict[str, Any]] = {
    "lstm": {"cell": "lstm", "seq_len": 20, "hidden_size": 32},
    "three layers with dropout": {"num_layers": 3, "dropout": 0.3, "seq_len": 15, "hidden_size": 32},
    "recomputed": {"cell": "gru", "seq_len": 36, "hidden_size": 16, "engine": {"recompute": True}},
    "autograd": {"cell": "gru_reset_before", "seq_len": 20, "hidden_size": 16, "train": {"batch_size": 64}},
    "singles": {"cell": "gru", "seq_len": 20, "hidden_size": 32, "probe": {"dtype": "float32"}},
    "large batches": {"cell": "lstm", "seq_len": 20, "hidden_size": 16, "train": {"batch_size": 400}},
    "cut": {"cell": "lstm", "seq_len": 20, "hidden_size": 16, "train": {"batch_size": 256, "k2": 5}},
    "many symbols": {"experiment": "translate", "cell": "gru", "seq_len": 17, "hidden_size": 16},
    "other probes": {
        "cell": "lstm", "seq_len": 15, "hidden_size": 32, "probe": {"batch_size": 64}, "probes": {"gates": {}},
    },
    "small": {},
}  # fmt: skip


@pytest.mark.parametrize("sizes", SHAPES.values(), ids=SHAPES)
def test_a_pack_takes_what_it_is_said_to_take(
    config: Config, monkeypatch: pytest.MonkeyPatch, sizes: dict[str, Any]
) -> None:
    real = torch.from_numpy

    def counted(array: np.ndarray) -> Tensor:
        return real(array).clone()  # as on a GPU: there is no sharing with numpy

    monkeypatch.setattr(torch, "from_numpy", counted)
    trained = {**sizes.get("train", {}), "steps": 2}
    runs = members(config(seed=[0, 1, 2], **{**sizes, "train": trained}))
    taken, said = peak_bytes(lambda: run(runs)), memory(runs[0]).of_pack(3)
    assert taken / 1.5 <= said <= 1.5 * taken


@torch.no_grad()
def test_nothing_that_only_a_measurement_has_filled_stays(config: Config) -> None:
    pack = Pack(members(config(cell="lstm", seq_len=20, hidden_size=16)))
    pack.measure()
    assert [buffers.bytes for network in (pack.network, pack.probed) for buffers in network.buffers] == [0, 0]


def test_members_are_measured_in_blocks_that_a_bound_allows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(of_memory, "MEASURED_AT_ONCE", 60.0)
    made = Memory(trained=2.0, measured=10.0)
    assert made.at_once == 6
    assert (made.of_pack(4), made.of_pack(6), made.of_pack(100)) == (48, 72, 260)
    assert (made.fitting(48), made.fitting(72), made.fitting(260), made.fitting(0)) == (4, 6, 100, 1)
    assert Memory(trained=2.0, measured=50.0).at_once == 3  # two at least in every block


def test_what_lasts_longer_or_keeps_more_takes_more(config: Config) -> None:
    (plain,) = members(config(cell="lstm"))
    for more in (
        {"train": {"gradient_penalty": 0.1}},
        {"num_layers": 2, "dropout": 0.5},
        {"dtype": "float64"},
        {"train": {"batch_size": 9}},
    ):
        (other,) = members(config(cell="lstm", **more))
        assert memory(other).trained > memory(plain).trained
    (longer,) = members(config(cell="lstm", eval={"seq_len": [500]}))
    assert memory(longer).measured > memory(plain).measured
    assert memory(longer).trained == memory(plain).trained


@pytest.mark.parametrize("length", [5, SPAN + 7])
def test_what_a_step_makes_on_its_way_back_is_held_for_a_few_steps(
    config: Config, monkeypatch: pytest.MonkeyPatch, length: int
) -> None:
    (run,) = members(config(seq_len=length, train={"batch_size": 9}, probe={"batch_size": 6, "dtype": "float64"}))
    taken = []
    for made in (3, 5):
        monkeypatch.setattr(of_memory, "held_per_step", lambda cell, size, made=made: (2, made))
        taken.append(memory(run))
    numbers = min(length, SPAN) * 2
    assert taken[1].trained - taken[0].trained == pytest.approx(9 * 4 * numbers)
    assert taken[1].measured - taken[0].measured == pytest.approx(6 * 8 * numbers)
