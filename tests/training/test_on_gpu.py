"""Whole packs on a GPU: the tables of the CPU within rounding, and the same to the bit from one time to the next."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np
import pandas as pd
import pytest

from harness.settings.members import members
from harness.training import memory as of_memory
from harness.training.pack import run
from tests.conftest import BASE, Config

pytestmark = pytest.mark.gpu

GPU = "cuda"

TABLES = dict[str, pd.DataFrame]

RUNS: dict[str, dict[str, Any]] = {
    "lstm": {"cell": "lstm"},
    "layers with dropout": {"cell": "gru", "num_layers": 2, "dropout": 0.3},
    "recomputed": {"cell": "lstm", "engine": {"recompute": True}},
    "other lengths": {"cell": "lstm", "eval": {"seq_len": [5, 20]}},
    "samples that end": {"experiment": "reverse_name", "cell": "gru"},
    "growing lengths": {"cell": "rnn", "train": {"curriculum": "growing", "shortest": 3, "steps": 12}},
    "real vectors": {"experiment": "adding", "cell": "lstm", "seq_len": 12},
    "cut": {"cell": "lstm", "train": {"k2": 3}},
    "penalty": {"cell": "rnn", "train": {"gradient_penalty": 0.1}},
    "no formula": {"cell": "gru_reset_before"},
    "plain": {"cell": "lstm", "engine": {"compile": False}},
    "probes": {"cell": "lstm", "probes": {"gates": {}}},
    "one diverges": {"cell": "rnn_relu", "train": {"lr": [0.01, 1e30], "steps": 9, "optimizer": "sgd"}},
}


def tables(changes: dict[str, Any], device: str, dtype: str) -> TABLES:
    made: dict[str, Any] = copy.deepcopy(BASE) | {"device": device, "dtype": dtype, "seed": [0, 1, 2]}
    made["engine"]["compile"] = True
    for key, value in changes.items():
        named = {"name": value} if key in ("cell", "experiment") else value
        made[key] = {**made[key], **named} if key in ("train", "probe", "engine") else named
    return run(members(made))


def assert_alike(one: TABLES, other: TABLES, tolerance: float, until: int | None = None) -> None:
    """The same tables but for what names the run and for times; up to some step where that is given."""
    assert one.keys() == other.keys()
    for name, table in one.items():
        left, right = table, other[name]
        if until is not None:
            if "step" not in table:
                continue
            left, right = (each[each["step"] <= until].reset_index(drop=True) for each in (left, right))
        dropped = [column for column in left if column in ("run_id", "device") or "seconds" in column]
        pd.testing.assert_frame_equal(
            left.drop(columns=dropped), right.drop(columns=dropped), rtol=tolerance, atol=tolerance,
            check_exact=not tolerance,
        )  # fmt: skip


@pytest.mark.parametrize("changes", RUNS.values(), ids=RUNS)
def test_in_double_precision_a_training_gives_the_tables_of_the_cpu(changes: dict[str, Any]) -> None:
    assert_alike(tables(changes, GPU, "float64"), tables(changes, "cpu", "float64"), tolerance=1e-6)


@pytest.mark.parametrize("changes", RUNS.values(), ids=RUNS)
def test_in_single_precision_the_first_measurement_is_that_of_the_cpu(changes: dict[str, Any]) -> None:
    assert_alike(tables(changes, GPU, "float32"), tables(changes, "cpu", "float32"), tolerance=1e-4, until=0)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("changes", RUNS.values(), ids=RUNS)
def test_the_same_training_gives_the_same_numbers_to_the_bit(changes: dict[str, Any], dtype: str) -> None:
    assert_alike(tables(changes, GPU, dtype), tables(changes, GPU, dtype), tolerance=0)


def test_blocks_of_members_are_measured_as_all_at_once(config: Config, monkeypatch: pytest.MonkeyPatch) -> None:
    runs = members(config(cell="lstm", device=GPU, engine={"compile": True}, seed=[*range(7)]))
    whole = run(runs)
    monkeypatch.setattr(of_memory, "MEASURED_AT_ONCE", 1.0)
    in_blocks = run(runs)
    for run_id in whole["curves"].run_id.unique():
        one, other = (each["curves"][each["curves"].run_id == run_id] for each in (whole, in_blocks))
        np.testing.assert_allclose(one.loss, other.loss, rtol=1e-5)
