from __future__ import annotations

import copy
from base64 import b64decode
from collections.abc import Callable
from typing import Any

import pytest
import torch

torch.set_num_threads(1)  # tests run side by side

EMPTY = (
    '<svg xmlns="http://www.w3.org/2000/svg" width="9pt"></svg>',
    b64decode("iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNkYPhfDwAChwGA60e6kgAAAABJRU5ErkJggg=="),
)
"""A rendered figure with nothing on it, as SVG and as PNG."""

Config = Callable[..., dict[str, Any]]

BASE: dict[str, Any] = {
    "experiment": {"name": "recall_dish"},
    "cell": {"name": "rnn"},
    "seq_len": 8,
    "hidden_size": 6,
    "train": {"steps": 6, "batch_size": 8, "lr": 0.01},
    "probe": {"every": 3, "batch_size": 5},
    "engine": {"compile": False, "recompute": False},
}
"""A small run: what differs from the defaults."""


@pytest.fixture
def empty_pictures(monkeypatch: pytest.MonkeyPatch) -> None:
    """Figures are drawn, and their files are there, with nothing in them: to render a report's takes seconds.

    What is rendered is for `tests.report.test_rendering` and the tests of figures, which save each one, and for the
    tests of the report that a whole session shares (`tests.report.conftest.built`).
    """
    monkeypatch.setattr("harness.report.renderers.useful_processes", lambda panels: 0)
    monkeypatch.setattr("harness.report.renderers.svg_and_png", lambda canvas: EMPTY)


@pytest.fixture(scope="session")
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
