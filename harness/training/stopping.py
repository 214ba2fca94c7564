"""Stopping a pack: asked to by Ctrl-C or SIGTERM, or at its time limit."""

from __future__ import annotations

import multiprocessing
import signal
import sys
import threading
import time
from types import FrameType
from typing import Any

PATIENCE = 5.0
"""Seconds that a training step may take to its end after Ctrl-C, before it is broken off."""

ALARM_AGAIN = 1.0
"""Seconds after which an alarm is repeated: a plugin's code may have caught it as if it were its own error."""


class TimedOut(Exception):
    """A pack has taken longer than `sweep.timeout` allows."""


class Stopping:
    """A context around one pack. Ctrl-C and SIGTERM wait for the end of the step; `check` then raises.

    In the main thread the time limit also ends a step that hangs, by an alarm signal; elsewhere, and where
    there are no such signals, it holds between steps only.

    Args:
        limit: seconds that the context may last; None: any time.
    """

    def __init__(self, limit: float | None):
        self.limit = limit
        self.asked = self._heard = False
        self._deadline = time.monotonic() + limit if limit is not None else None
        self._before: dict[int, Any] = {}

    def __enter__(self) -> Stopping:
        if threading.current_thread() is threading.main_thread() and hasattr(signal, "setitimer"):
            for number, handler in (
                (signal.SIGINT, self._ask),
                (signal.SIGTERM, self._ask),
                (signal.SIGALRM, self._alarm),
            ):
                self._before[number] = signal.signal(number, handler)
            signal.setitimer(signal.ITIMER_REAL, self.limit or 0, ALARM_AGAIN)
        return self

    def __exit__(self, *exc: object) -> None:
        if self._before:
            signal.setitimer(signal.ITIMER_REAL, 0)
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def hears(self) -> bool:
        """Whether somebody asked to stop: asked when it is decided whether to save. Who asks later is not heard yet."""
        self._heard = self.asked
        return self._heard

    def check(self, saves_next: bool = False) -> None:
        """Call between steps.

        Args:
            saves_next: the next step asks `hears` and saves what there is: who was not heard yet waits for it.

        Raises:
            KeyboardInterrupt: somebody asked to stop.
            TimedOut: the limit is over.
        """
        if self.asked and saves_next and not self._heard:
            return
        if self.asked:
            raise KeyboardInterrupt
        if self._deadline is not None and time.monotonic() > self._deadline:
            raise self._late()

    def _late(self) -> TimedOut:
        return TimedOut(f"took longer than sweep.timeout={self.limit:g} seconds")

    def _ask(self, number: int, frame: FrameType | None) -> None:
        if self.asked:
            raise KeyboardInterrupt
        self.asked = True
        if multiprocessing.current_process().name == "MainProcess":  # the workers of a pool hear it, too
            print("\nstopping at the end of this training step; once more stops at once", file=sys.stderr)
        signal.setitimer(signal.ITIMER_REAL, PATIENCE)

    def _alarm(self, number: int, frame: FrameType | None) -> None:
        if self.asked:
            raise KeyboardInterrupt
        raise self._late()
