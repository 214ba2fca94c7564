"""What is installed here of launchers and clusters."""

from __future__ import annotations

import subprocess
from importlib.util import find_spec

import pytest


def needs(package: str, extra: str) -> None:
    """Skip where the extra is not installed."""
    try:
        there = find_spec(f"hydra_plugins.{package}") is not None
    except ModuleNotFoundError:
        there = False
    if not there:
        pytest.skip(f"the extra {extra!r} is not installed: pip install '.[{extra}]'")


def needs_slurm() -> None:
    """Skip where no Slurm runs."""
    needs("hydra_submitit_launcher", "slurm")
    try:
        subprocess.run(["sinfo"], check=True, capture_output=True, timeout=20)
    except (OSError, subprocess.SubprocessError):
        pytest.skip("no Slurm runs here: tests/slurm.sh start")
