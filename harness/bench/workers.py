"""Ways in processes of their own: how they are started, agree on the first step, and take turns.

A process that has run one library's threads is not what another library would find on its own: every way in every
setting has its own processes. They stay for the whole benchmark and are told what to do through pipes. All but the
one whose turn it is wait for a message, which costs nothing.

This module is imported anew in every worker and therefore loads neither torch nor JAX itself: which cores a process
may use has to be said before.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import time
from collections.abc import Sequence
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from harness.base.errors import UserError, reason
from harness.bench.ways import First, Problem, Setting

PATIENCE = 600.0
"""Seconds without an answer after which a worker counts as hanging; the slowest steps take some ten seconds."""

LEAD = 0.002
"""Seconds between the order to start and the common start of several processes."""


class Turn(NamedTuple):
    """Milliseconds that a step takes: by the clock, and of CPU time, of all processes and threads together."""

    ms: float
    cpu_ms: float


class Team:
    """The processes of one way in one setting.

    Args:
        way: its letter.
        cores: the numbers of the cores to use. A team that needs fewer is bound to the first of them, every process
            to its own: JAX asks for as many threads as it may use cores.
        patience: seconds without an answer after which a worker counts as hanging.

    Raises:
        UserError: from every method, when a worker fails, dies or hangs; names the way and the setting.
    """

    def __init__(
        self, way: str, setting: Setting, cores: Sequence[int], device: str = "cpu", patience: float = PATIENCE
    ):
        self.way = way
        self.setting = setting
        self.patience = patience
        context = multiprocessing.get_context("spawn")
        self.pipes: list[Connection] = []
        self.processes: list[BaseProcess] = []
        for place in range(setting.processes):
            own = list(cores[place * setting.threads : (place + 1) * setting.threads])
            ours, theirs = context.Pipe()
            process = context.Process(target=_work, args=(theirs, way, own, setting.threads, device), daemon=True)
            process.start()
            theirs.close()
            self.pipes.append(ours)
            self.processes.append(process)

    def __str__(self) -> str:
        return f"way {self.way} ({self.setting.words})"

    def first(self, problem: Problem) -> First:
        """Build the way for a problem, in place of the one before, and take its first step."""
        members = np.array_split(range(problem.shape[0]), len(self.pipes))
        for pipe, own in zip(self.pipes, members, strict=True):
            self._tell(pipe, ("first", problem, own.tolist()))
        found: list[First] = self._answers()
        return First(_joined([each.losses for each in found]), _joined([each.norms for each in found]))

    def turn(self) -> Turn:
        """What one step takes, after one to warm up; several processes have a common start, and the slowest counts."""
        for pipe in self.pipes:
            self._tell(pipe, ("turn", len(self.pipes) == 1))
        if len(self.pipes) > 1:
            self._answers()  # all are warm
            start = time.perf_counter() + LEAD
            for pipe in self.pipes:
                self._tell(pipe, start)
        spans: list[tuple[float, float, float]] = self._answers()
        begins, ends, used = zip(*spans, strict=True)
        return Turn(1000 * (max(ends) - min(begins)), 1000 * sum(used))

    def memory(self, problem: Problem) -> tuple[int, int]:
        """Bytes that torch takes in a first step above what it held before, and what the activations need."""
        self._tell(self.pipes[0], ("memory", problem))
        found: tuple[int, int] = self._answers()[0]
        return found

    def compile(self, problem: Problem) -> float | None:
        """Seconds that the cell's kernel takes to make; None where it has none."""
        self._tell(self.pipes[0], ("compile", problem))
        found: float | None = self._answers()[0]
        return found

    def close(self) -> None:
        """End the processes, whatever they are doing."""
        for pipe, process in zip(self.pipes, self.processes, strict=True):
            pipe.close()
            process.kill()
            process.join()

    def _tell(self, pipe: Connection, message: object) -> None:
        try:
            pipe.send(message)
        except OSError:
            raise self._died(pipe) from None

    def _answers(self) -> list[Any]:
        """One answer of every process."""
        answers: dict[Connection, Any] = {}
        while missing := [pipe for pipe in self.pipes if pipe not in answers]:
            ready = wait(missing, self.patience)
            if not ready:
                raise UserError(f"{self} hangs: no answer within {self.patience:g} s")
            for pipe in ready:
                assert isinstance(pipe, Connection)
                try:
                    error, answers[pipe] = pipe.recv()
                except (EOFError, OSError):
                    raise self._died(pipe) from None
                if error:
                    raise UserError(f"{self} fails: {error}")
        return [answers[pipe] for pipe in self.pipes]

    def _died(self, pipe: Connection) -> UserError:
        process = self.processes[self.pipes.index(pipe)]
        process.join()
        code = process.exitcode or 0
        how = f"killed by signal {signal.Signals(-code).name}" if code < 0 else f"with exit code {code}"
        return UserError(f"{self} has died, {how}")


def _joined(pieces: list[NDArray[Any] | None]) -> NDArray[Any] | None:
    found = [piece for piece in pieces if piece is not None]
    return np.concatenate(found) if found else None


def _work(pipe: Connection, way: str, cores: list[int], threads: int, device: str) -> None:
    """A worker: answers with pairs of an error (or nothing) and a result, until the pipe is closed."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C ends the benchmark, and that its workers
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, cores)
    try:
        from harness.bench.peers import Worker

        worker = Worker(way, threads, device)
        while True:
            name, *arguments = pipe.recv()
            if name == "turn":
                pipe.send((None, _turn(worker, pipe, *arguments)))
            else:
                pipe.send((None, getattr(worker, name)(*arguments)))
    except EOFError:
        return
    except Exception as error:
        pipe.send((reason(error), None))


def _turn(worker: Any, pipe: Connection, alone: bool) -> tuple[float, float, float]:
    """When a step began and ended, and the seconds of CPU time that it took.

    After one to warm up, if steps are short: others have filled the caches.
    """
    if not worker.long:
        worker.step()
    if not alone:
        pipe.send((None, None))
        start = pipe.recv()
        while time.perf_counter() < start:  # on Linux and macOS one clock for all processes
            pass
    begin, used = time.perf_counter(), time.process_time()
    worker.step()
    return begin, time.perf_counter(), time.process_time() - used
