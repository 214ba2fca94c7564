"""One sitting of a sweep: what is not done yet in its directory is launched, and watched until it is over."""

from __future__ import annotations

import signal
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

from harness.sweep.jobs import Job
from harness.sweep.launching import Launch, Launching
from harness.sweep.plan import assign_directories, done, read_plan, set_damaged_aside, write_plan
from harness.sweep.watch import Watch


def still_to_do(directory: Path, jobs: Sequence[Job]) -> tuple[list[Job], int]:
    """What is not done yet of a sweep, planned on disk; and how many runs are done already.

    Args:
        directory: of the sweep; this process holds it (`harness.sweep.lock`).
        jobs: all that belong to the sweep.

    Raises:
        UserError: the directory holds tables of another format.
    """
    for line in set_damaged_aside(directory):
        print(line, file=sys.stderr)
    finished = done(directory)
    count = sum(len(job.ids) for job in jobs)
    before = sum(run_id in finished for job in jobs for run_id in job.ids)
    jobs = assign_directories(directory, jobs, finished)
    if before:
        print(f"{before} of {count} runs are done already", file=sys.stderr)
    old = read_plan(directory) or {}
    write_plan(directory, jobs, {run_id: name for run_id, name in old.items() if run_id in finished})
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
    if jobs:
        with Watch(directory, jobs, before):
            launching.all(jobs)
    return launching.lost


@contextmanager
def interruptible() -> Iterator[None]:
    """Treat SIGTERM, by which schedulers and containers end a process, as Ctrl-C."""

    def interrupt(number: int, frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
