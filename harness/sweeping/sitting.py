"""One sitting of a sweep: what is not done yet in its directory is launched, and watched until it is over."""

from __future__ import annotations

import signal
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

from harness.sweeping.changed import settle_changes
from harness.sweeping.jobs import Job
from harness.sweeping.launching import Launch, Launching
from harness.sweeping.plan import assign_directories, done, extend_plan, forget_checkpoints, set_damaged_aside
from harness.sweeping.watch import Watch
from harness.sweeping.worker import FAILED_FAST


def still_to_do(
    directory: Path, jobs: Sequence[Job], note: Callable[[], None], take_over: bool, pruned: bool = False
) -> tuple[list[Job], int]:
    """What is not done yet of a sweep, planned on disk; and how many runs are done already.

    Args:
        directory: of the sweep; this process holds it (`harness.sweeping.lock`).
        jobs: all that are asked for.
        note: writes down that they are, before they are planned.
        take_over: `sweep.take_over`.
        pruned: whether runs count as done that a search has pruned.

    Raises:
        UserError: the directory holds tables of another format, or plugins have changed since runs were done in it;
            nothing has been changed.
    """
    for line in set_damaged_aside(directory):
        print(line, file=sys.stderr)
    runs = [each for job in jobs for each in job.runs]
    finished = settle_changes(directory, runs, done(directory, pruned), take_over)
    note()
    before = sum(each.run_id in finished for each in runs)
    jobs = assign_directories(directory, jobs, finished)
    if before:
        print(f"{before} of {len(runs)} runs are done already", file=sys.stderr)
    extend_plan(directory, jobs)
    forget_checkpoints(directory, finished)
    return [job for job in jobs if job.todo], before


def launch_all(directory: Path, jobs: Sequence[Job], before: int, launch: Launch) -> list[str]:
    """Launch jobs and watch them until all are over.

    Args:
        before: how many runs earlier sittings have done.
        launch: a launcher's.

    Returns:
        A line for what was lost altogether, on a disk that takes no more.
    """
    launching = Launching(launch, directory)
    (directory / "jobs" / FAILED_FAST).unlink(missing_ok=True)
    if jobs:
        with Watch(directory, jobs, before):
            launching.all(jobs)
    return launching.lost


@contextmanager
def interruptible() -> Iterator[None]:
    """Treat SIGTERM, by which schedulers and containers end a process, as Ctrl-C. In the main thread alone: no other
    one is told of signals."""

    def interrupt(number: int, frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGTERM, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
