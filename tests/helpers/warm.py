"""``python -m MODULE …`` in a process that has imported what takes long to import: a fork of one that waits, warm.

An interpreter of its own takes seconds for torch, pandas and matplotlib before it does anything. A fork has their
modules and the shipped plugins (`tests.helpers.preloaded`) and nothing else: no setting was read. What must not have
them (start-up files, the time of a start, what is imported) is for `tests.helpers.sweeps.command` with ``fresh=True``.
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
from subprocess import TimeoutExpired

import torch

_forks = multiprocessing.get_context("forkserver")
_forks.set_forkserver_preload(["tests.helpers.preloaded", "tests.helpers.warm"])


class WarmProcess:
    """A module that runs in a fork, in a process group of its own; to be waited for as `subprocess.Popen` is.

    Args:
        env: all of its environment.
        code: Python that runs before the module, as a package of plugins might.
        pictures: whether reports have pictures, which take as long as the rest of a small command.
    """

    def __init__(
        self, module: str, arguments: Sequence[str], directory: Path, env: Mapping[str, str], code: str, pictures: bool
    ):
        self.args = list(arguments)
        self._folder = tempfile.TemporaryDirectory()
        self._said = [Path(self._folder.name, name) for name in ("out", "err")]
        for path in self._said:
            path.touch()
        self._process = _forks.Process(
            target=_run, args=(module, self.args, str(directory), dict(env), self._said, code, pictures)
        )
        self._process.start()
        assert self._process.pid is not None
        self.pid = self._process.pid

    @property
    def returncode(self) -> int | None:
        """The exit code, or minus the signal that ended it; None as long as it runs."""
        return self._process.exitcode

    def poll(self) -> int | None:
        """The same."""
        return self.returncode

    def wait(self, timeout: float | None = None) -> int:
        """Wait for its end.

        Raises:
            TimeoutExpired: it takes longer than that many seconds, and goes on.
        """
        self._process.join(timeout)
        if self.returncode is None:
            assert timeout is not None
            raise TimeoutExpired(self.args, timeout, *(path.read_bytes() for path in self._said))
        return self.returncode

    def communicate(self, timeout: float | None = None) -> tuple[str, str]:
        """Wait for its end; what it has written to its standard output and error."""
        self.wait(timeout)
        out, err = (path.read_text("utf-8") for path in self._said)
        return out, err

    def kill(self) -> None:
        """End it, and all that it has started."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.pid, signal.SIGKILL)


def _run(
    module: str, arguments: list[str], directory: str, env: dict[str, str], said: list[Path], code: str, pictures: bool
) -> None:
    """What the fork does."""
    os.setsid()
    for stream, path in zip((1, 2), said, strict=True):
        os.dup2(os.open(path, os.O_WRONLY | os.O_APPEND), stream)
    os.chdir(directory)
    os.environ.clear()
    os.environ.update(env)
    sys.argv = [module, *arguments]
    sys.path.insert(0, directory)
    # As a fresh interpreter reads it; here torch was imported before. Threads that share a core wait for each other,
    # and take ten times as long for small matrices as one.
    torch.set_num_threads(int(env["OMP_NUM_THREADS"]))
    if not pictures:
        _leave_out_pictures()
    exec(code, {})
    try:
        runpy.run_module(module, run_name="__main__", alter_sys=True)
    finally:
        # As an interpreter does at its end, and multiprocessing too late: before it waits for all processes of this
        # one, those of pools (joblib's) have to be told that there is no more to do.
        threading._shutdown()  # type: ignore[attr-defined]


def _leave_out_pictures() -> None:
    import harness.report.build

    harness.report.build.draw_all = lambda directory, wanted: []  # type: ignore[attr-defined]
