"""A job: a pack of runs as a launcher starts it."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from harness.engine.scan.plan import stored_per_step
from harness.settings.settings import Settings


@dataclass(frozen=True)
class Job:
    """A job of a sweep.

    Attributes:
        overrides: what its configuration is composed from.
        runs: its runs, in the order of their rows.
        todo: those of them that are to be done.
        name: of its directory.
        composed: how many runs the configuration holds; more than ``runs`` where others stand elsewhere.
    """

    overrides: list[str]
    runs: list[Settings]
    todo: list[Settings]
    name: str
    composed: int

    @property
    def ids(self) -> list[str]:
        return [each.run_id for each in self.runs]

    @property
    def label(self) -> str:
        """What it is, in a few words."""
        first = self.runs[0]
        return f"{first.experiment.name} {first.cell.name} seq_len={first.seq_len}"

    @property
    def work(self) -> float:
        """How much it has to do, in arbitrary units: the time left is estimated from it."""
        first = self.runs[0]
        width = stored_per_step(first.cell, first.hidden_size)
        return float(len(self.todo) * (first.train.steps + 1) * first.seq_len * first.num_layers * width)

    def folder(self, sweep: Path) -> Path:
        """Its directory in that of the sweep."""
        return sweep / "jobs" / self.name

    def launch_overrides(self) -> list[str]:
        """What the configuration of a launch is composed from: that of the job, and what of it is to be done."""
        only = [each.run_id for each in self.todo]
        # A run_id may look like a number.
        some = [f"+sweep.only=[{','.join(map(repr, only))}]"] if len(only) < self.composed else []
        return [*self.overrides, *some, f"hydra.sweep.subdir=jobs/{self.name}"]

    def doing(self, todo: Sequence[Settings]) -> Job:
        """The same job with other runs to be done."""
        return dataclasses.replace(self, todo=list(todo))

    def halves(self) -> list[Job]:
        """The job twice, each with half of what is to be done."""
        half = len(self.todo) // 2
        return [self.doing(self.todo[:half]), self.doing(self.todo[half:])]


def numbered(jobs: Sequence[Job]) -> list[Job]:
    """The jobs with their numbers as names, each run in the first that has it: ``seed=0,0`` is one run."""
    seen: set[str] = set()
    found: list[Job] = []
    for job in jobs:
        runs = [each for each in job.runs if each.run_id not in seen]
        seen.update(each.run_id for each in runs)
        if runs:
            found.append(dataclasses.replace(job, runs=runs, todo=runs, name=str(len(found))))
    return found
