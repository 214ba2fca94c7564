"""How long a cell's kernel takes to make, where none is kept."""

from __future__ import annotations

import os
import tempfile

import torch

from harness.bench.task import FEATURES
from harness.bench.ways import Problem
from harness.engine.scan.compiled import products_of
from harness.engine.scan.compiler import CannotCompile, load
from harness.engine.scan.nodes import Untraceable
from harness.engine.scan.plan import plan
from harness.engine.scan.source import Source
from harness.plugins.registry import registry


def seconds_to_compile(problem: Problem) -> float | None:
    """Seconds of CPU time from a cell's step to a loaded kernel, in float32; None where there is none."""
    cell = registry().get("cell", problem.cell)()
    try:
        products_of(torch.float32)  # what all kernels share is there from the first one on
        with tempfile.TemporaryDirectory() as cache:
            before, os.environ["XDG_CACHE_HOME"] = os.environ.get("XDG_CACHE_HOME"), cache
            try:
                begin = _used()
                load(Source.of(plan(cell, FEATURES, problem.shape[3]), torch.float32).code)
                return _used() - begin
            finally:
                if before is None:
                    del os.environ["XDG_CACHE_HOME"]
                else:
                    os.environ["XDG_CACHE_HOME"] = before
    except (Untraceable, CannotCompile):
        return None


def _used() -> float:
    """Seconds of CPU time that this process and those that it has waited for have used."""
    times = os.times()
    return times.user + times.system + times.children_user + times.children_system
