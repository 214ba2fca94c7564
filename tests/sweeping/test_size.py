"""A sweep of 100,000 runs is gathered and reported in bounded memory."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

import harness
from tests.helpers.made_sweep import write_sweep

MOST_MEMORY = 2e9

MEASURED = """
import resource, sys
from pathlib import Path
from harness.report import __main__ as report
code = report.main([sys.argv[1]])
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024)
sys.exit(code)
"""


@pytest.mark.slow
def test_a_report_of_100_000_runs_stays_within_two_gigabytes(tmp_path: Path) -> None:
    rows = write_sweep(tmp_path, runs=100_000, rows=100, members_per_job=50)
    assert rows >= 10_000_000
    done = subprocess.run([sys.executable, "-c", MEASURED, str(tmp_path)], capture_output=True, text=True, check=True)
    assert float(done.stdout.splitlines()[-1]) < MOST_MEMORY
    tables = harness.load(tmp_path)
    assert (tables.rows("runs"), tables.rows("gradients")) == (100_000, rows)
    page = (tmp_path / "report.html").read_text("utf-8")
    assert "100000 runs: 5 cells × 10 lengths × 10 weight scales × 200 seeds" in page
    assert "could not be drawn" not in page
    assert page.count("<img") == 7
    # The last length's first probe, read as a part, is what the script made.
    last = tables.runs[(tables.runs.cell == "rnn") & (tables.runs.weight_scale == 0.9) & (tables.runs.seq_len == 50)]
    part = tables.read(
        "gradients", filters=[("run_id", "==", last.run_id.iloc[0]), ("step", "==", 0), ("part", "==", "h")]
    )
    assert part.lag.tolist() == list(range(49, -1, -1))
    assert part.grad_norm.to_numpy()[0] / part.grad_norm.to_numpy()[-1] == pytest.approx(0.9**49, rel=0.2)
