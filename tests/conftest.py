from __future__ import annotations

import copy
import gc
import os
from base64 import b64decode
from collections.abc import Callable, Iterator
from functools import lru_cache
from typing import Any

import pytest

# Thousands of tests and what they have imported are not gone through at every 700th object in search of garbage.
gc.set_threshold(50_000, 20, 50)

# Tests run side by side; and threads of linear algebra take longer to find each other than small matrices take.
# Numpy's and scipy's libraries look when they are loaded, which torch does with the one.
for library in ("OPENBLAS", "MKL", "BLIS"):
    os.environ.setdefault(f"{library}_NUM_THREADS", "1")

import torch  # noqa: E402

torch.set_num_threads(1)

EMPTY = (
    '<svg xmlns="http://www.w3.org/2000/svg" width="9pt"></svg>',
    b64decode("iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNkYPhfDwAChwGA60e6kgAAAABJRU5ErkJggg=="),
)
"""A rendered figure with nothing on it, as SVG and as PNG."""

DEVICES = ["cpu", pytest.param("cuda", marks=pytest.mark.gpu)]
"""Values of a parameter of tests that hold on any device."""

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


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Skip what needs a GPU where there is none."""
    if not torch.cuda.is_available():
        for item in items:
            if item.get_closest_marker("gpu"):
                item.add_marker(pytest.mark.skip(reason="no GPU here"))


@pytest.fixture
def empty_pictures(monkeypatch: pytest.MonkeyPatch) -> None:
    """A report's figures of any table have their files, with nothing in them: to draw and render all takes seconds.

    What is drawn is for the tests of figures, what is rendered for `tests.report.test_rendering`, and both for the
    tests of the report that a whole session shares (`tests.report.conftest.built`).
    """
    from harness.analysis import finished
    from harness.figures import canvas
    from harness.plugins.registry import registry
    from tests.helpers.drawn import FIGURES

    for name in FIGURES:
        blank = lambda self, tables: canvas(1, 1) if len(finished(tables.runs)) else None  # noqa: E731
        monkeypatch.setattr(registry().get("figure", name), "draw", blank)
    monkeypatch.setattr("harness.report.renderers.useful_processes", lambda panels: 0)
    monkeypatch.setattr("harness.report.renderers.svg_and_png", lambda canvas: EMPTY)


@pytest.fixture(scope="module")
def compiled_as_written() -> Iterator[None]:
    """Kernels of cells are compiled without optimisation, in a fraction of the time: for tests of whether they say what
    the steps say.

    That nothing stands in the way of computing several units at once is for `tests.engine.test_loops`; that kernels as
    they are used give the right numbers is for the other tests of `tests.engine`. What all kernels share is made as
    always.
    """
    from harness.engine.scan import compiled, compiler

    for dtype in (torch.float32, torch.float64):
        compiled.products_of(dtype)
    flags = ["-O0" if flag == "-O3" else flag for flag in compiler.FLAGS]
    with pytest.MonkeyPatch.context() as patched:
        # Made for no other test, nor taken from one.
        patched.setattr(compiled, "_kernel", lru_cache(maxsize=256)(compiled._kernel.__wrapped__))
        patched.setattr(compiler, "FLAGS", flags)
        yield


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
