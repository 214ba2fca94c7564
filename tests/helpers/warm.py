"""``python -m MODULE …`` in a process that has imported what takes long to import: a fork of one that waits, warm.

An interpreter of its own takes seconds for torch, pandas and matplotlib before it does anything. A fork has their
modules and nothing else: no plugin has been found, no setting read. What must not have them (start-up files, the time
of a start, what is imported) is for `tests.helpers.sweeps.command` with ``fresh=True``.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import runpy
import signal
import sys
import tempfile
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from subprocess import CompletedProcess, TimeoutExpired

IMPORTED = [
    "torch", "torch._dynamo", "pandas", "pyarrow.parquet", "pyarrow.dataset", "seaborn", "scipy.special",
    "matplotlib.backends.backend_agg", "matplotlib.backends.backend_svg", "hydra.main", "jinja2", "rich.progress",
    "harness.command_line.main", "harness.sweeping.worker", "harness.report.build", "tests.helpers.warm",
]  # fmt: skip

_forks = multiprocessing.get_context("forkserver")
_forks.set_forkserver_preload(IMPORTED)


def warm_command(
    module: str, arguments: Sequence[str], directory: Path, env: Mapping[str, str], timeout: float
) -> CompletedProcess[str]:
    """Run a module to its end, in ``directory`` and with exactly this environment.

    Raises:
        TimeoutExpired: it took longer than that many seconds, and was killed with all that it had started.
    """
    with tempfile.TemporaryDirectory() as folder:
        out, err = Path(folder, "out"), Path(folder, "err")
        process = _forks.Process(target=_run, args=(module, arguments, str(directory), dict(env), out, err))
        process.start()
        try:
            process.join(timeout)
            if process.exitcode is None:
                raise TimeoutExpired([module, *arguments], timeout, out.read_bytes(), err.read_bytes())
        finally:
            if process.exitcode is None and process.pid:
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)
        return CompletedProcess(arguments, process.exitcode, out.read_text("utf-8"), err.read_text("utf-8"))


def _run(module: str, arguments: Sequence[str], directory: str, env: dict[str, str], out: Path, err: Path) -> None:
    """What the fork does."""
    os.setsid()
    for stream, path in ((1, out), (2, err)):
        os.dup2(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND), stream)
    os.chdir(directory)
    os.environ.clear()
    os.environ.update(env)
    sys.argv = [module, *arguments]
    sys.path.insert(0, directory)
    try:
        runpy.run_module(module, run_name="__main__", alter_sys=True)
    finally:
        # As an interpreter does at its end, and multiprocessing too late: before it waits for all processes of this
        # one, those of pools (joblib's) have to be told that there is no more to do.
        threading._shutdown()  # type: ignore[attr-defined]
