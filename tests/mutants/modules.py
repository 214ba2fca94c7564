"""The modules that make numbers and keep results, and the tests that are to notice faults in them."""

from __future__ import annotations

from pathlib import Path

MODULES: dict[str, str] = {
    "engine/optimizer.py engine/weights.py cells/initial.py cells/base.py": (
        "tests/engine/test_optimizer.py tests/engine/test_weights.py tests/testing/test_cell.py"
    ),
    "engine/network.py engine/threads.py engine/scan/*.py": "tests/engine",
    "cells/[gflr]*.py": "tests/engine/test_engine.py tests/engine/test_weights.py",
    "run/*.py": "tests/run",
    "measure/*.py": "tests/measure tests/run/test_record.py tests/run/test_training.py",
    "analysis/*.py": "tests/analysis",
    "tasks/*.py": "tests/tasks tests/measure/test_evaluation.py",
    "tables/*.py": "tests/tables",
    "sweep/plan.py sweep/launching.py sweep/packing.py sweep/jobs.py": (
        "tests/sweep/test_sweep_plan.py tests/sweep/test_launching.py "
        "tests/sweep/test_packing.py tests/sweep/test_jobs.py"
    ),
}
"""Modules of ``harness/`` by patterns, and the tests that run with faults in them; those marked slow are left out."""


def chosen(wanted: list[str]) -> list[tuple[list[Path], list[str]]]:
    """Groups of modules with their tests: all, or those whose path holds one of these words."""
    found = []
    for patterns, tests in MODULES.items():
        paths = [path for pattern in patterns.split() for path in sorted(Path("harness").glob(pattern))]
        paths = [path for path in paths if not wanted or any(word in str(path) for word in wanted)]
        paths = [path for path in paths if path.name != "__init__.py"]
        if paths:
            found.append((paths, tests.split()))
    return found
