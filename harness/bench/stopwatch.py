"""Runs the harness with a stopwatch: ``python -m harness.bench.stopwatch TIMES.json BEGIN WORDS…``.

The functions in `PARTS` are replaced, as their modules are imported, by ones that tell the stopwatch when they begin
and end. The harness knows nothing of it, and pays some hundred nanoseconds a call. At every moment one part's clock
runs, so that the parts add up to the time that has passed.
"""

from __future__ import annotations

import ctypes
import functools
import importlib
import json
import runpy
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from harness.base.errors import UserError

START = "start and command line"
IMPORTS = "imports"
KERNELS = "training kernels"
END = "end of the process"

PARTS: dict[str, list[str]] = {
    START: [],
    IMPORTS: [],
    "drawing data": ["harness.tasks.streams:Streams.next", "harness.tasks.streams:Streams.held_out"],
    KERNELS: [],
    "around the kernels (loss, Python)": ["harness.engine.network:Network.gradients"],
    "optimiser and clipping": ["harness.engine.optimizer:MemberOptimizer.step"],
    "evaluation": [
        "harness.measure.evaluation:evaluate",
        "harness.measure.evaluation:in_words",
        "harness.engine.network:Network.spectral_radius",
    ],
    "probes": ["harness.measure.gradients:gradients", "harness.probes.base:measured"],
    "writing job tables": ["harness.tables.jobs:publish"],
    "rest of the jobs": ["harness.sweeping.worker:run_job"],
    "gathering": ["harness.tables.gather:gather"],
    "figures": ["harness.report.pictures:draw_all"],
    "rest of the report": ["harness.command_line.reporting:report"],
    END: [],
}
"""What is timed: a part's functions, ``module:name``. Kernels are found as calls into the engine's libraries."""

OPEN = {START, "around the kernels (loss, Python)", "rest of the jobs", "rest of the report"}
"""Parts out of which other parts are taken. What else is called belongs to its caller: kernels in an evaluation are
evaluation."""

KERNEL_FOLDER = "rnn-gradient-harness"
"""Where the engine keeps its compiled kernels, below the user's cache."""


class Clock:
    """The clocks of one thread.

    Args:
        begin: when it began, as `time.perf_counter` has it.
        part: that runs; None in threads that only count while they are in a part.
    """

    def __init__(self, begin: float, part: str | None):
        self.seconds = dict.fromkeys(PARTS, 0.0)
        self.calls = dict.fromkeys(PARTS, 0)
        self.part = part
        self.since = begin

    def enter(self, part: str) -> str | None:
        """Let a part's clock run, or go on with the caller's; gives the part to `leave` for."""
        before = self.part
        if before is None or before in OPEN or part == IMPORTS:
            self.calls[part] += 1
            self.leave(part)
        return before

    def leave(self, part: str | None) -> None:
        """Let the clock of another part run from now on."""
        now = time.perf_counter()
        if self.part is not None:
            self.seconds[self.part] += now - self.since
        self.part, self.since = part, now


class Stopwatch:
    """The clocks of all threads of this process; the main one's parts add up to the time since ``begin``."""

    def __init__(self, begin: float):
        self.main = Clock(begin, START)
        self.others: list[Clock] = []
        self._local = threading.local()
        self._local.clock = self.main

    def timed(self, part: str, function: Callable[..., Any]) -> Callable[..., Any]:
        """The function, with its time counted."""

        @functools.wraps(function)
        def run(*arguments: Any, **keywords: Any) -> Any:
            clock = self.clock()
            before = clock.enter(part)
            try:
                return function(*arguments, **keywords)
            finally:
                clock.leave(before)

        return run

    def clock(self) -> Clock:
        """The clock of this thread."""
        with suppress(AttributeError):
            return self._local.clock
        self._local.clock = clock = Clock(time.perf_counter(), None)
        self.others.append(clock)
        return clock

    def times(self) -> dict[str, dict[str, float]]:
        """By part ``seconds`` and ``calls`` of the main thread, and seconds ``beside`` it in other threads."""
        self.main.leave(END)
        return {
            part: {
                "seconds": self.main.seconds[part],
                "beside": sum(clock.seconds[part] for clock in self.others),
                "calls": self.main.calls[part] + sum(clock.calls[part] for clock in self.others),
            }
            for part in PARTS
        }


def found(name: str) -> tuple[Any, str, Callable[..., Any]]:
    """Where a function of `PARTS` stands (a module or class and the name in it), and itself.

    Raises:
        UserError: there is no such function.
    """
    module, _, path = name.partition(":")
    *outer, last = path.split(".")
    try:
        owner = functools.reduce(getattr, outer, importlib.import_module(module))
        return owner, last, getattr(owner, last)
    except (ImportError, AttributeError):
        raise UserError(f"{name} is not there; PARTS in harness/bench/stopwatch.py names functions that are") from None


def install(stopwatch: Stopwatch) -> None:
    """Time the functions of `PARTS` as their modules are imported, imports themselves, and kernels."""
    waiting: dict[str, list[tuple[str, str]]] = {}
    for part, names in PARTS.items():
        for name in names:
            waiting.setdefault(name.partition(":")[0], []).append((part, name))

    def replace(module: str) -> None:
        for part, name in waiting.pop(module, []):
            owner, last, function = found(name)
            setattr(owner, last, stopwatch.timed(part, function))

    for module in waiting.keys() & sys.modules.keys():
        replace(module)
    machinery = sys.modules["_frozen_importlib"]
    # Called for modules that are not loaded yet, and for no others.
    load = stopwatch.timed(IMPORTS, machinery._find_and_load)

    def find_and_load(name: str, *others: Any) -> Any:
        module = load(name, *others)
        replace(name)
        return module

    setattr(machinery, load.__name__, find_and_load)
    ctypes.CDLL = _timed_library(stopwatch)  # type: ignore[misc]


def _timed_library(stopwatch: Stopwatch) -> type[ctypes.CDLL]:
    """`ctypes.CDLL` whose functions are timed where it loads one of the engine's kernels."""

    class Library(ctypes.CDLL):
        def __init__(self, name: str | None, *arguments: Any, **keywords: Any):
            super().__init__(name, *arguments, **keywords)
            if name is None or KERNEL_FOLDER not in Path(name).parts:
                return
            plain: Any = self._FuncPtr

            def call(function: Any, *given: Any) -> Any:
                clock = stopwatch.clock()
                before = clock.enter(KERNELS)
                try:
                    return plain.__call__(function, *given)
                finally:
                    clock.leave(before)

            # ctypes looks for flags and result in the class itself.
            own = {"_flags_": plain._flags_, "_restype_": plain._restype_, "__call__": call}
            self._FuncPtr = type("Function", (plain,), own)

    return Library


def main() -> None:
    """Run ``python -m harness`` with the words that follow, and write the times down however it ends."""
    times, begin, *words = sys.argv[1:]
    stopwatch = Stopwatch(float(begin))
    install(stopwatch)
    sys.argv[1:] = words
    try:
        runpy.run_module("harness", run_name="__main__", alter_sys=True)
    finally:
        Path(times).write_text(json.dumps(stopwatch.times()), encoding="utf-8")


if __name__ == "__main__":
    main()
