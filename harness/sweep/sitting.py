"""One sitting of a sweep: what is not done yet in its directory is launched, and watched until it is over."""

from __future__ import annotations

import signal
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

from harness.sweep.launching import Launch, Launching, Task
from harness.sweep.plan import Job, done, placed, read_plan, set_damaged_aside, write_plan
from harness.sweep.progress import Watch


def still_to_do(directory: Path, jobs: Sequence[Job]) -> tuple[list[Task], int]:
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
    jobs = placed(directory, jobs, finished)
    tasks = [Task(job, [each for each in job.runs if each.run_id not in finished]) for job in jobs]
    if before:
        print(f"{before} of {count} runs are done already", file=sys.stderr)
    old = read_plan(directory) or {}
    write_plan(directory, jobs, {run_id: name for run_id, name in old.items() if run_id in finished})
    return [task for task in tasks if task.todo], before


def launch_all(directory: Path, tasks: Sequence[Task], before: int, launch: Launch) -> list[str]:
    """Launch tasks and watch them until all are over.

    Args:
        before: how many runs earlier sittings have done.
        launch: a launcher's.

    Returns:
        A line for what was lost altogether, on a disk that takes no more.
    """
    launching = Launching(launch, directory)
    if tasks:
        with Watch([task.planned(directory) for task in tasks], before):
            launching.all(tasks)
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
