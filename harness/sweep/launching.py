"""Launching jobs so that what happens to one of them, or to a pool of workers, is not the end of the others.

A job that raises is dealt with where it runs (`harness.job`). Here stand those that cannot help themselves: a
worker that is killed, out of memory or by hand, takes the whole pool of its launcher with it.
"""

from __future__ import annotations

import dataclasses
import errno
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from hydra.core.utils import JobReturn, JobStatus

from harness.base.errors import UserError, reason
from harness.run.rows import failed
from harness.settings.settings import Settings
from harness.sweep.plan import Job
from harness.sweep.progress import Planned
from harness.tables.jobs import publish

Launch = Callable[[Sequence[Sequence[str]], int], Sequence[JobReturn]]
"""A launcher's ``launch``: the overrides of jobs, and the number of the first."""


NO_ROOM = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS, errno.EIO}
"""What a disk says that takes no more."""

FRUITLESS = 2
"""Launches in a row that start nothing, after which it is the launcher that does not work."""


@dataclass(frozen=True)
class Task:
    """A job, or a part of one: the runs of it that are to be done."""

    job: Job
    todo: list[Settings]

    @property
    def overrides(self) -> list[str]:
        """What Hydra composes the job's configuration from."""
        only = [each.run_id for each in self.todo]
        # A run_id may look like a number.
        some = [f"+sweep.only=[{','.join(map(repr, only))}]"] if len(only) < self.job.composed else []
        return [*self.job.overrides, *some, f"hydra.sweep.subdir=jobs/{self.job.name}"]

    def halves(self) -> list[Task]:
        """The task as two."""
        half = len(self.todo) // 2
        return [dataclasses.replace(self, todo=part) for part in (self.todo[:half], self.todo[half:])]

    def planned(self, directory: Path) -> Planned:
        """The task for the progress display."""
        return self.job.planned(directory, self.todo)


@dataclass(frozen=True)
class Outcome:
    """How a launch ended for one task: nothing to say, or the error; and whether the task had begun."""

    error: BaseException | None
    begun: bool

    @property
    def unsaved(self) -> bool:
        """Whether the disk is what is wrong."""
        return isinstance(self.error, OSError) and self.error.errno in NO_ROOM


class Launching:
    """Launches tasks until each of them is over, one way or the other.

    Tasks that a broken pool of workers has lost before they had begun are launched again. Those that had begun
    are suspects: each is launched alone. A suspect that is lost when alone is halved, and its halves are
    launched, until the culprit stands alone; it is recorded as failed, with what the launcher said.

    Args:
        launch: the launcher.
        directory: of the sweep.

    Attributes:
        lost: what became of tasks whose failure could not even be written down: disks can be full.
    """

    def __init__(self, launch: Launch, directory: Path):
        self.launch = launch
        self.directory = directory
        self.lost: list[str] = []

    def all(self, tasks: Sequence[Task]) -> None:
        """Launch them.

        Raises:
            UserError: the launcher itself does not work.
            KeyboardInterrupt: somebody asked to stop.
        """
        waiting, suspects, fruitless = list(tasks), [], 0
        while waiting:
            outcomes = self._launch(waiting)
            left = [(task, outcome) for task, outcome in zip(waiting, outcomes, strict=True) if outcome.error]
            waiting = []
            for task, outcome in left:
                if outcome.unsaved and outcome.begun:
                    self._convict(task, outcome)
                elif outcome.unsaved or outcome.begun:
                    suspects.append(task)
                else:
                    waiting.append(task)
            fruitless = fruitless + 1 if waiting and len(waiting) == len(outcomes) else 0
            if fruitless == FRUITLESS and (error := left[0][1].error):
                raise UserError(f"hydra/launcher: no job could be started: {reason(error)}") from error
        for task in suspects:
            self._alone(task)

    def _alone(self, task: Task) -> None:
        (outcome,) = self._launch([task])
        if outcome.error is None:
            return
        if len(task.todo) > 1 and not outcome.unsaved:
            for half in task.halves():
                self._alone(half)
        else:
            self._convict(task, outcome)

    def _launch(self, tasks: Sequence[Task]) -> list[Outcome]:
        """Launch tasks together."""
        planned = [task.planned(self.directory) for task in tasks]
        for each in planned:
            each.forget()
        try:
            returned = self.launch([task.overrides for task in tasks], 0)
            errors = [None if each.status == JobStatus.COMPLETED else each._return_value for each in returned]
        except Exception as error:
            errors = [error] * len(tasks)
        notes = [each.note() for each in planned]
        return [
            Outcome(None if note and note.share == 1 else error, begun=note is not None)
            for error, note in zip(errors, notes, strict=True)
        ]

    def _convict(self, task: Task, outcome: Outcome) -> None:
        """Write down that a task has failed."""
        assert outcome.error is not None
        why = reason(outcome.error)
        try:
            folder = self.directory / "jobs" / task.job.name / "tables"
            publish(folder, failed(task.todo, why), task.job.runs)
        except OSError:
            self.lost.append(f"{task.planned(self.directory).label}: {len(task.todo)} runs: {why}")
