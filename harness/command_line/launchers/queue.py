"""What Slurm says of jobs, by `squeue`: it knows the waiting, the running and those that ended lately, on any cluster.

Submitit asks `sacct`, which needs a database that many clusters do not have.
"""

from __future__ import annotations

import getpass
import subprocess
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

POLL_EVERY = 10.0
"""Seconds between two questions to Slurm."""

ALIVE = {
    "PENDING", "RUNNING", "CONFIGURING", "COMPLETING", "REQUEUED", "REQUEUE_HOLD", "REQUEUE_FED", "RESIZING",
    "SIGNALING", "SPECIAL_EXIT", "STAGE_OUT", "STOPPED", "SUSPENDED", "PREEMPTED", "RESV_DEL_HOLD",
}  # fmt: skip
"""States of a job that has not ended, or that Slurm starts again."""

GONE = "gone from the queue"

FIELDS = "JobArrayID:40,State:24,RestartCnt:12"


@dataclass(frozen=True)
class Standing:
    """How a job stands: Slurm's word for its state, and how often it was started again."""

    state: str
    restarts: int

    @property
    def is_alive(self) -> bool:
        return self.state in ALIVE


def ask() -> dict[str, Standing] | None:
    """The standing of this user's jobs, by their ids; None where Slurm does not answer."""
    command = ["squeue", "--noheader", "--array", "--states=all", f"--user={getpass.getuser()}", f"--Format={FIELDS}"]
    try:
        said = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60).stdout
    except (OSError, subprocess.SubprocessError):
        return None
    return read(said)


def read(said: str) -> dict[str, Standing]:
    """What `squeue` has printed.

    >>> read("12_0      RUNNING      1    ")
    {'12_0': Standing(state='RUNNING', restarts=1)}
    """
    rows = (line.split() for line in said.splitlines())
    return {row[0]: Standing(row[1], int(row[2])) for row in rows if len(row) == 3 and row[2].isdecimal()}


class Queue:
    """Some jobs as they stand; Slurm is asked from time to time.

    Args:
        ids: of the jobs.
        restarted: called with a job's id when Slurm has started it again.
    """

    def __init__(self, ids: Sequence[str], restarted: Callable[[str], None]):
        self.ids = list(ids)
        self.restarted = restarted
        self._restarts = dict.fromkeys(ids, 0)
        self._ended: dict[str, str] = {}
        self._asked = time.monotonic()  # what was submitted just now is there

    def ended(self) -> dict[str, str]:
        """The jobs that have ended, one way or the other, and their last states."""
        if time.monotonic() - self._asked >= POLL_EVERY and (found := ask()) is not None:
            self._asked = time.monotonic()
            for each in self.ids:
                standing = found.get(each, Standing(GONE, self._restarts[each]))
                if standing.restarts > self._restarts[each]:
                    self._restarts[each] = standing.restarts
                    self.restarted(each)
                if not standing.is_alive:
                    self._ended[each] = standing.state
        return self._ended
