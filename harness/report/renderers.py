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
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from queue import SimpleQueue
from typing import IO

from matplotlib.figure import Figure as Canvas

from harness.report.rendering import svg_and_png

MOST_PROCESSES = 4
"""More would wait for the one that draws."""

LEAST_PANELS = 24
"""For fewer, no process is started: it takes as long as they do."""

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
    """Processes that render figures; they are started with the first figure, if they will pay.

    Args:
        figures: how many there will be.
    """

    def __init__(self, figures: int):
        self._figures = figures
        self._processes: list[subprocess.Popen[bytes]] | None = None
        self._idle: SimpleQueue[subprocess.Popen[bytes]] = SimpleQueue()
        self._threads = ThreadPoolExecutor(MOST_PROCESSES)

    def render(self, canvas: Canvas) -> Rendering:
        """Start to render a figure; it must not be changed from then on."""
        if self._processes is None:
            self._processes = _started(useful_processes(self._figures * len(canvas.axes)))
            for process in self._processes:
                self._idle.put(process)
        if not self._processes:
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
        """End the processes, whatever they are at."""
        for process in self._processes or []:
            process.kill()
        self._threads.shutdown(cancel_futures=True)
        for process in self._processes or []:
            process.communicate()


def useful_processes(panels: int) -> int:
    """How many processes speed up the rendering of that many panels."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return min(cores, MOST_PROCESSES) if cores > 1 and panels >= LEAST_PANELS else 0


def _started(count: int) -> list[subprocess.Popen[bytes]]:
    """That many processes, or fewer where no more are allowed."""
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
    return processes


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
