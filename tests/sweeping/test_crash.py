"""A sweep that is stopped dead between any two of its file operations: nothing is lost, nothing half written."""

from __future__ import annotations

import itertools
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.helpers.sweeps import ROOT

EVERY = int(os.environ.get("CRASH_EVERY", "37"))
"""Of all operations (some 220) every so many are tried, six by default; ``CRASH_EVERY=1`` tries each, for half an
hour."""


@pytest.mark.slow
def test_a_sweep_stopped_at_any_file_operation_ends_as_one_that_was_not(tmp_path: Path) -> None:
    """Operations of packs, checkpoints, an enlarged second command, gathering and report.

    After each stop, readers find whole tables, `resume` ends in those of an undisturbed sweep (the helper compares
    them), and no later stop leaves fewer finished runs than an earlier one: no moment has fewer than the one before.
    """
    done = subprocess.run(
        [sys.executable, "-m", "tests.helpers.crashing", str(tmp_path), "1", str(EVERY)],
        cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    looks = [json.loads(line) for line in done.stdout.splitlines()]
    assert len(looks) > 100 / EVERY
    for reader in ("load", "report"):
        for before, after in itertools.pairwise(looks):
            assert set(before[reader]) <= set(after[reader]), (reader, before, after)
    # How far the last of the stops that were chosen comes is a matter of which were.
    assert len(looks[-1]["report"]) == 6 or (EVERY > 1 and looks[-1]["report"])
