"""A sweep in a notebook's kernel: interrupted there and gone on with, and what its cell shows."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import harness
from tests.api.test_sweeping import SMALL
from tests.helpers.sweeps import ROOT, assert_same

manager = pytest.importorskip("jupyter_client.manager")
pytest.importorskip("ipykernel")

pytestmark = pytest.mark.usefixtures("empty_pictures")

WAITING = """
import time
from pathlib import Path
import harness
import harness.report.build
from harness.training.pack import Pack

harness.report.build.draw_all = lambda directory, wanted: []  # pictures take longer than all the rest
plain = Pack.take_gradient

def when_told(pack):
    if pack.settings.cell.name == "lstm":
        Path("at_work").touch()
        while not Path("go").exists():
            time.sleep(0.02)
    return plain(pack)

Pack.take_gradient = when_told
"""
"""The second job says that it is at work and waits until it may go on, so that it can be interrupted there."""

ASKED: dict[str, Any] = {**SMALL, "cell": ["rnn", "lstm"], "seed": [0, 1], "train": {"steps": 40, "batch_size": 4}}

SWEEP = f"found = harness.sweep(directory='cut', **{ASKED!r})"


@pytest.fixture
def kernel(tmp_path: Path) -> Iterator[tuple[Any, Any]]:
    """A kernel at work in ``tmp_path``, and a client of it."""
    env = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    running, client = manager.start_new_kernel(kernel_name="python3", cwd=str(tmp_path), env=env)
    yield running, client
    client.stop_channels()
    running.shutdown_kernel(now=True)


def outputs(client: Any, code: str) -> tuple[str, list[dict[str, Any]]]:
    """How a cell ends, and the messages about its outputs."""
    found = list[dict[str, Any]]()
    reply = client.execute_interactive(code, timeout=120, output_hook=found.append)
    return reply["content"]["status"], [each for each in found if each["msg_type"] not in ("status", "execute_input")]


@pytest.mark.slow
def test_a_sweep_that_is_interrupted_in_a_notebook_goes_on_with_the_same_call(
    kernel: tuple[Any, Any], tmp_path: Path
) -> None:
    running, client = kernel
    assert outputs(client, WAITING)[0] == "ok"
    asked = client.execute(SWEEP)
    end = time.monotonic() + 120
    while not (tmp_path / "at_work").exists():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.02)
    running.interrupt_kernel()
    while (reply := client.get_shell_msg(timeout=120))["parent_header"].get("msg_id") != asked:
        pass
    assert (reply["content"]["status"], reply["content"]["ename"]) == ("error", "KeyboardInterrupt")
    assert set(harness.load(tmp_path / "cut").runs.cell) == {"rnn"}

    (tmp_path / "go").touch()
    status, shown = outputs(client, SWEEP)  # the same kernel, the same call
    assert status == "ok"
    kinds = [each["msg_type"] for each in shown]
    assert kinds.count("display_data") == 1  # the progress, which is exchanged
    assert kinds.count("update_display_data") >= 1
    said = "".join(each["content"]["text"] for each in shown if each["msg_type"] == "stream")
    assert said == "2 of 4 runs are done already\ncut/report.html\n"
    last = [each["content"]["data"]["text/plain"] for each in shown if each["msg_type"] == "update_display_data"][-1]
    assert "4/4 runs, took" in last

    whole = harness.sweep(directory=tmp_path / "whole", **ASKED)
    assert whole.runs.status.tolist() == ["ok"] * 4
    assert_same(tmp_path / "whole", tmp_path / "cut")


@pytest.mark.slow
def test_bad_input_in_a_notebook_is_one_line_and_where_it_stands(kernel: tuple[Any, Any]) -> None:
    _, client = kernel
    code = "import harness\n\nharness.sweep(cell='lsmt')"
    status, shown = outputs(client, code)
    (error,) = (each["content"] for each in shown if each["msg_type"] == "error")
    assert (status, error["ename"]) == ("error", "UserError")
    first, second = error["traceback"]
    assert first.startswith("UserError: cell=lsmt: unknown cell (did you mean 'lstm'?); valid: ")
    assert second == "line 3: harness.sweep(cell='lsmt')"
