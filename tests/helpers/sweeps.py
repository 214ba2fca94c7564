"""Sweeps in processes of their own, for tests that kill them, and the comparison of their tables."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd

import harness
from tests.helpers.warm import WarmProcess

ROOT = Path(harness.__file__).parent.parent

QUICK = ["hidden_size=4", "seq_len=8", "train.batch_size=4", "probe.batch_size=4"]
"""Settings of a small run."""

SHORT = [*QUICK, "train.steps=4", "probe.every=2"]
"""The same with a training that is over at once."""

POOLS = {"hydra/launcher=joblib", "hydra/launcher=ray"}
"""The words for launchers that keep a pool of workers."""

TIMES = ["seconds"]
"""Columns that no two sweeps share."""

PACK_TOLERANCE: float | None = None
"""By how much (relative) a run's numbers may depend on its company in a pack: None: not at all, to the bit."""


def start(
    directory: Path,
    *arguments: str,
    module: str = "harness",
    code: str = "",
    fresh: bool = False,
    pictures: bool = False,
    **env: str,
) -> subprocess.Popen[str] | WarmProcess:
    """Start ``python -m harness …`` in ``directory``, in a process group of its own.

    It is a fork of a process that has imported torch and others, as `tests.helpers.warm` says.

    Args:
        code: Python that runs at the start of it and of all processes that it starts, as a package of plugins might.
        fresh: in an interpreter of its own instead; so is what has a ``PYTHONPATH`` of its own, and what starts a pool
            of workers: in a fork its end is another one, with warnings of its own.
        pictures: whether reports have pictures. They always have in an interpreter of its own.
    """
    fresh = fresh or "PYTHONPATH" in env or bool(POOLS & set(arguments))
    if code:
        (directory / "sitecustomize.py").write_text(code)
        env["PYTHONPATH"] = os.pathsep.join([str(directory), str(ROOT)])
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1", **env}
    if not fresh:
        return WarmProcess(module, arguments, directory, environment, code, pictures)
    return subprocess.Popen(
        [sys.executable, "-m", module, *arguments],
        cwd=directory,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def command(directory: Path, *arguments: str, timeout: float = 300, **how: Any) -> subprocess.CompletedProcess[str]:
    """Run it to its end, as `start` says."""
    process = start(directory, *arguments, **how)
    try:
        out, err = process.communicate(timeout=timeout)
    except BaseException:
        process.kill()
        raise
    assert process.returncode is not None
    return subprocess.CompletedProcess(arguments, process.returncode, out, err)


_WHEN_IMPORTED = """
def when_imported(name, change):
    import importlib.util, sys

    class Finder:
        @staticmethod
        def find_spec(wanted, path=None, target=None):
            if wanted != name:
                return None
            sys.meta_path.remove(Finder)
            spec = importlib.util.find_spec(name)
            load = spec.loader.exec_module
            spec.loader.exec_module = lambda module: (load(module), exec(change, {{"module": module}}))
            return spec

    if name in sys.modules:
        exec(change, {{"module": sys.modules[name]}})
    else:
        sys.meta_path.insert(0, Finder)

when_imported({module!r}, {code!r})
"""


def when_imported(module: str, code: str) -> str:
    """Code for `start` that changes a module, there called ``module``, where that is imported.

    The many processes that come with a pool, a cluster or a report must not import torch for it.
    """
    return _WHEN_IMPORTED.format(module=module, code=code)


def finished_sweep(directory: Path, *arguments: str) -> Path:
    """The results of a sweep that nothing disturbs."""
    done = command(directory, *arguments, "hydra.sweep.dir=whole")
    assert done.returncode == 0, done.stderr
    return directory / "whole"


def results(directory: Path) -> list[Path]:
    """The results directories of sweeps that were given none."""
    return sorted(directory.glob("results/*/*"))


def wait_for(there: Callable[[], bool], process: subprocess.Popen[str] | WarmProcess, seconds: float = 60) -> None:
    """Wait until something is there that a process makes."""
    end = time.monotonic() + seconds
    while not there():
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.01)


def assert_same(one: Path, two: Path, tolerance: float | None = None, in_order: bool = True, **drop: Any) -> None:
    """Two results directories hold the same tables, apart from times.

    Args:
        tolerance: relative; None: to the bit.
        in_order: whether rows must stand in the same order.
    """
    first, second = harness.load(one), harness.load(two)
    assert set(first) == set(second)
    for name in first:
        pair = []
        for frame in (first[name], second[name]):
            frame = frame.drop(columns=[*TIMES, *(["job"] if not in_order else [])], errors="ignore")
            if not in_order:
                keys = [key for key in ("run_id", "step", "layer", "part", "t", "sample") if key in frame]
                frame = frame.sort_values(keys).reset_index(drop=True)
            pair.append(frame)
        exact = {"check_exact": True} if tolerance is None else {"check_exact": False, "rtol": tolerance}
        pd.testing.assert_frame_equal(*pair, **exact)
