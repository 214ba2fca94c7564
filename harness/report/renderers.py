"""Figures are rendered in processes of their own, while this one draws the next.

What is sent is the drawn figure, not its plugin: a process needs matplotlib, and neither the tables nor the plugins'
code. These processes are plain children that talk over pipes; `multiprocessing` would run the user's own script
anew in each of them, where that script has no ``if __name__ == "__main__"``.
"""

from __future__ import annotations

import os
import pickle
import struct
import subprocess
import sys
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager, suppress
from queue import SimpleQueue
from typing import IO

from matplotlib.figure import Figure as Canvas

from harness.report.rendering import svg_and_png

MOST_PROCESSES = 4
"""More would wait for the one that draws."""

LEAST_FIGURES = 4
"""For fewer, a process is not started: it takes as long as rendering two of them."""

LENGTH = struct.Struct("<Q")

SERVE = "from harness.report.renderers import serve; serve()"


class Rendering:
    """A figure that is being rendered, here or elsewhere."""

    def __init__(self, canvas: Canvas, elsewhere: Future[object] | None):
        self._canvas = canvas
        self._elsewhere = elsewhere

    def result(self) -> tuple[str, bytes]:
        """SVG and PNG as `svg_and_png` makes them; whatever that raises."""
        found = None
        if self._elsewhere is not None:
            # A process that has died, or does not know what it was sent, is no reason to be without a picture.
            with suppress(OSError, EOFError):
                found = self._elsewhere.result()
        return found if isinstance(found, tuple) else svg_and_png(self._canvas)


class Renderers:
    """Processes that render figures."""

    def __init__(self, processes: Sequence[subprocess.Popen[bytes]]):
        self._idle: SimpleQueue[subprocess.Popen[bytes]] = SimpleQueue()
        for process in processes:
            self._idle.put(process)
        self._threads = ThreadPoolExecutor(len(processes)) if processes else None

    def render(self, canvas: Canvas) -> Rendering:
        """Start to render a figure; it must not be changed from then on."""
        if self._threads is None:
            return Rendering(canvas, None)
        try:
            drawn = pickle.dumps(canvas)
        except Exception:  # a figure may hold anything, say a function that was defined while it was drawn
            return Rendering(canvas, None)
        return Rendering(canvas, self._threads.submit(self._ask, drawn))

    def _ask(self, drawn: bytes) -> object:
        process = self._idle.get()
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            _send(process.stdin, drawn)
            return pickle.loads(_receive(process.stdout))
        finally:
            self._idle.put(process)

    def close(self) -> None:
        """Give up what is still being rendered; the processes must have ended."""
        if self._threads is not None:
            self._threads.shutdown(cancel_futures=True)


def useful_processes(figures: int) -> int:
    """How many processes speed up the rendering of that many figures."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return min(cores, MOST_PROCESSES) if cores > 1 and figures >= LEAST_FIGURES else 0


@contextmanager
def renderers(count: int) -> Iterator[Renderers]:
    """That many processes, or fewer where no more are allowed; they end with the ``with`` block."""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    processes: list[subprocess.Popen[bytes]] = []
    with suppress(OSError):
        for _ in range(count):
            process = subprocess.Popen(
                [sys.executable, "-c", SERVE],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                env=environment,
                start_new_session=True,  # Ctrl-C is for this process, which ends them
            )
            processes.append(process)
    pool = Renderers(processes)
    try:
        yield pool
    finally:
        for process in processes:
            process.kill()
        pool.close()
        for process in processes:
            process.communicate()


def serve() -> None:
    """Render figures from stdin to stdout, until there are no more: what such a process does."""
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "wb")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())  # what somebody prints must not be read as an answer
    with suppress(EOFError):
        while True:
            drawn = _receive(sys.stdin.buffer)
            try:
                answer: object = svg_and_png(pickle.loads(drawn))
            except Exception:
                answer = None  # who has asked renders it once more, and learns what it raises
            _send(answers, pickle.dumps(answer))


def _send(pipe: IO[bytes], data: bytes) -> None:
    pipe.write(LENGTH.pack(len(data)) + data)
    pipe.flush()


def _receive(pipe: IO[bytes]) -> bytes:
    """The next message.

    Raises:
        EOFError: there is none, or not the whole of it.
    """
    head = pipe.read(LENGTH.size)
    if len(head) < LENGTH.size:
        raise EOFError
    data = pipe.read(*LENGTH.unpack(head))
    if len(data) < LENGTH.unpack(head)[0]:
        raise EOFError
    return data
