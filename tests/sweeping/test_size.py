"""A large sweep is gathered and reported in bounded memory."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

import harness
from tests.helpers.made_sweep import write_sweep

RUNS = int(os.environ.get("SIZE_RUNS", "12000"))
"""``SIZE_RUNS=100000`` takes some minutes."""

MOST_MEMORY = 875e6 + RUNS * 11_250
"""Two gigabytes for 100,000 runs; most of it is what is imported."""

MEASURED = r"""
import pathlib, re, sys
import harness.report.renderers
from harness.report import __main__ as report
from tests.conftest import EMPTY
harness.report.renderers.useful_processes = lambda panels: 0
harness.report.renderers.svg_and_png = lambda canvas: EMPTY  # what is drawn counts: renderers are small
code = report.main([sys.argv[1]])
status = pathlib.Path("/proc/self/status").read_text()  # getrusage would count the process that started this one
print(int(re.search(r"VmHWM:\s*(\d+) kB", status)[1]) * 1024)
sys.exit(code)
"""


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="the most memory used is read as Linux tells it")
def test_a_report_of_many_runs_takes_little_memory_for_each(tmp_path: Path) -> None:
    rows = write_sweep(tmp_path, runs=RUNS, rows=100, members_per_job=50)
    assert rows >= 100 * RUNS
    done = subprocess.run([sys.executable, "-c", MEASURED, str(tmp_path)], capture_output=True, text=True, check=True)
    assert float(done.stdout.splitlines()[-1]) < MOST_MEMORY
    tables = harness.load(tmp_path)
    assert (tables.rows("runs"), tables.rows("gradients")) == (RUNS, rows)
    page = (tmp_path / "report.html").read_text("utf-8")
    assert f"{RUNS} runs: 5 cells × 10 lengths × 10 weight scales × {RUNS // 500} seeds" in page
    assert "could not be drawn" not in page
    assert page.count("<img") == 7
    # The last length's first probe, read as a part, is what the script made.
    last = tables.runs[(tables.runs.cell == "rnn") & (tables.runs.weight_scale == 0.9) & (tables.runs.seq_len == 50)]
    part = tables.read(
        "gradients", filters=[("run_id", "==", last.run_id.iloc[0]), ("step", "==", 0), ("part", "==", "h")]
    )
    assert part.lag.tolist() == list(range(49, -1, -1))
    assert part.grad_norm.to_numpy()[0] / part.grad_norm.to_numpy()[-1] == pytest.approx(0.9**49, rel=0.2)
