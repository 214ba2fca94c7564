"""Launching jobs so that what happens to one of them, or to a pool of workers, does not end the others.

A job that raises is dealt with where it runs (`harness.sweeping.worker`). This module deals with those that cannot help
themselves: a worker that is killed, out of memory or by hand, takes the whole pool of its launcher with it.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from harness.base.errors import TooLong, UserError, reason
from harness.base.files import NO_ROOM
from harness.sweeping.jobs import Job
from harness.sweeping.progress import forget, read_note
from harness.sweeping.provenance import resuming
from harness.tables.jobs import publish
from harness.training.checkpoint import CHECKPOINTS
from harness.training.rows import failed

Launch = Callable[[list[list[str]]], Sequence[BaseException | None]]
"""Runs the jobs whose configurations are composed from these overrides; returns the error of each, or None."""

FRUITLESS = 2
"""Launches in a row that start nothing, after which the launcher itself counts as broken."""


@dataclass(frozen=True)
class Outcome:
    """How a launch ended for one job: its error, if any, and whether it had begun."""

    error: BaseException | None
    begun: bool

    @property
    def unsaved(self) -> bool:
        """Whether the disk is to blame."""
        return isinstance(self.error, OSError) and self.error.errno in NO_ROOM

    @property
    def too_long(self) -> bool:
        """Whether the launcher's time limit is to blame."""
        return isinstance(self.error, TooLong)


class Launching:
    """Launches jobs until every run of theirs is done or recorded as failed.

    Jobs that a broken pool of workers has lost before they had begun are launched again. Those that had begun
    are suspects: each is launched alone. A suspect that is lost when alone is halved, and its halves are
    launched, until the culprit stands alone; it is recorded as failed, with what the launcher said. A job that has
    taken longer than its launcher lets it is launched again where it has a checkpoint to go on from, else halved.

    Args:
        launch: the launcher.
        directory: of the sweep.

    Attributes:
        lost: a line for each job whose failure could not even be written down: disks can be full.
    """

    def __init__(self, launch: Launch, directory: Path):
        self.launch = launch
        self.directory = directory
        self.lost: list[str] = []

    def all(self, jobs: Sequence[Job]) -> None:
        """Launch them.

        Raises:
            UserError: the launcher itself does not work.
            KeyboardInterrupt: somebody asked to stop.
        """
        waiting, suspects, fruitless = list(jobs), [], 0
        while waiting:
            outcomes = self._launch(waiting)
            left = [(job, outcome) for job, outcome in zip(waiting, outcomes, strict=True) if outcome.error]
            waiting = []
            for job, outcome in left:
                if outcome.unsaved and outcome.begun:
                    self._record_failure(job, outcome)
                elif outcome.begun and self._goes_on(job, outcome):
                    waiting.append(job)
                elif outcome.unsaved or outcome.begun:
                    suspects.append((job, outcome))
                else:
                    waiting.append(job)
            fruitless = 0 if any(each.begun for each in outcomes) or len(left) < len(outcomes) else fruitless + 1
            if fruitless == FRUITLESS and (error := left[0][1].error):
                raise UserError(
                    f"hydra/launcher: no job could be started: {reason(error)}; "
                    f"once that is mended:  {resuming(self.directory)}"
                ) from error
        for job, outcome in suspects:
            if outcome.too_long:
                self._shorter(job, outcome)
            else:
                self._say(job, outcome, "runs once more, alone")
                self._alone(job)

    def _alone(self, job: Job) -> None:
        (outcome,) = self._launch([job])
        while self._goes_on(job, outcome):
            (outcome,) = self._launch([job])
        if outcome.error:
            self._shorter(job, outcome)

    def _shorter(self, job: Job, outcome: Outcome) -> None:
        """Launch what a job has to do in halves, or record that it has failed where there are none."""
        if len(job.todo) > 1 and not outcome.unsaved:
            self._say(job, outcome, "is halved")
            for half in job.halves():
                self._alone(half)
        else:
            self._record_failure(job, outcome)

    def _goes_on(self, job: Job, outcome: Outcome) -> bool:
        """Whether a job that has taken too long has saved its state, and comes to its end when it is launched again."""
        goes_on = outcome.too_long and any(job.folder(self.directory).glob(CHECKPOINTS))
        if goes_on:
            self._say(job, outcome, "goes on from its checkpoint")
        return goes_on

    def _say(self, job: Job, outcome: Outcome, what: str) -> None:
        assert outcome.error is not None
        print(f"{job.label}: {reason(outcome.error)}; it {what}", file=sys.stderr, flush=True)

    def _launch(self, jobs: Sequence[Job]) -> list[Outcome]:
        """Launch jobs together."""
        folders = [job.folder(self.directory) for job in jobs]
        for folder in folders:
            forget(folder)
        try:
            errors = self.launch([job.launch_overrides() for job in jobs])
        except Exception as error:
            errors = [error] * len(jobs)
        notes = [read_note(folder) for folder in folders]
        return [
            Outcome(None if note and note.share == 1 else error, begun=note is not None)
            for error, note in zip(errors, notes, strict=True)
        ]

    def _record_failure(self, job: Job, outcome: Outcome) -> None:
        """Write down that what a job has to do has failed."""
        assert outcome.error is not None
        why = reason(outcome.error)
        try:
            publish(job.folder(self.directory) / "tables", failed(job.todo, why), job.runs)
        except OSError:
            self.lost.append(f"{job.label}: {len(job.todo)} runs: {why}")
