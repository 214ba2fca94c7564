from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import pytest
import torch

torch.set_num_threads(1)  # tests run side by side

Config = Callable[..., dict[str, Any]]

BASE: dict[str, Any] = {
    "experiment": {"name": "recall_dish"},
    "cell": {"name": "rnn"},
    "seq_len": 8,
    "weight_scale": 1.0,
    "seed": 0,
    "hidden_size": 6,
    "num_layers": 1,
    "init": "orthogonal",
    "device": "cpu",
    "dtype": "float32",
    "train": {"steps": 6, "batch_size": 8, "optimizer": "adam", "lr": 0.01, "clip_norm": 1.0, "stop_solved": False},
    "probe": {"every": 3, "batch_size": 5, "dtype": "float64"},
    "engine": {"compile": False, "recompute": False},
}


@pytest.fixture
def config() -> Config:
    """Builds a small job configuration; keywords replace settings, ``train={...}`` and the like merge."""

    def build(**changes: Any) -> dict[str, Any]:
        made = copy.deepcopy(BASE)
        for key, value in changes.items():
            if key in ("cell", "experiment") and isinstance(value, str):
                value = {"name": value}
            if key in ("train", "probe", "engine"):
                value = {**made[key], **value}
            made[key] = value
        return made

    return build
