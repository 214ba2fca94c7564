"""Sweepers in the test's own process, with jobs that only pretend to train: what is done around the training."""

from __future__ import annotations

import contextlib
import io
import math
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from hydra.core.utils import JobReturn, JobStatus
from omegaconf import DictConfig

from harness.command_line.main import main
from harness.command_line.sweeper import PackingSweeper
from harness.settings.conduct import conduct, run_settings
from harness.settings.members import members
from harness.settings.settings import Settings
from harness.sweeping.progress import JobProgress
from harness.tables.jobs import publish
from harness.training.rows import failed, runs_table

QUICK = ["hidden_size=3", "seq_len=7", "train.steps=4", "probe.every=2", "engine.compile=false"]

Outcome = dict[str, Any]


def typed(*words: str) -> tuple[int, str]:
    """The exit code of a command in this process, and what it has said on standard error."""
    before, err = sys.argv, io.StringIO()
    sys.argv = ["harness", *words]
    try:
        with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(err):
            main()
    except SystemExit as exit:
        return int(exit.code or 0), err.getvalue()
    finally:
        sys.argv = before
    return 0, err.getvalue()


def sweeper_of(*words: str) -> PackingSweeper:
    """The sweeper that a command has been given, as it is before it begins."""
    found: list[PackingSweeper] = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(PackingSweeper, "sweep", lambda self, arguments: found.append(self))
        code, err = typed(*words)
    assert code == 0, err
    return found[0]


def learned(run: Settings) -> Outcome:
    """The outcome of a run that has learned something: its loss is ten times its learning rate."""
    return {"status": "ok", "loss": 10 * run.train.lr, "accuracy": 0.5}


@dataclass
class Work:
    """Does jobs without training.

    Attributes:
        outcome: what becomes of a run.
        before: what happens first in a job, given its name.
        jobs: what every job was to do, by its name.
    """

    outcome: Callable[[Settings], Outcome] = learned
    before: Callable[[str], object] = lambda name: None
    jobs: dict[str, list[Settings]] = field(default_factory=dict)

    def __call__(self, directory: Path, config: DictConfig) -> float:
        """Do one, as `harness.sweeping.worker.run_job` does."""
        only, runs = conduct(config).sweep.only, members(run_settings(config))
        todo = [each for each in runs if only is None or each.run_id in only]
        self.jobs[directory.name] = todo
        progress = JobProgress(directory, len(todo), 4)
        self.before(directory.name)
        made = tables(todo, self.outcome)
        publish(directory / "tables", made, runs)
        progress.runs_over(todo, made)
        progress.done()
        return float(made["runs"].loss.mean())


@dataclass
class Launcher:
    """A launcher of such work, for a sweeper.

    Attributes:
        launched: of every launch the words of its jobs.
    """

    sweeper: PackingSweeper
    directory: Path
    work: Work
    launched: list[list[list[str]]] = field(default_factory=list)

    def launch(self, overrides: Sequence[Sequence[str]], initial_job_idx: int) -> list[JobReturn]:
        """Do these jobs, one after another."""
        self.launched.append([list(each) for each in overrides])
        found = []
        for words in overrides:
            (folder,) = (each.partition("=")[2] for each in words if each.startswith("hydra.sweep.subdir="))
            config = self.sweeper.loader.load_sweep_config(self.sweeper.config, list(words))
            self.work(self.directory / folder, config)
            found.append(JobReturn(status=JobStatus.COMPLETED))
        return found


def tables(runs: Sequence[Settings], outcome: Callable[[Settings], Outcome]) -> dict[str, pd.DataFrame]:
    """The tables of runs with these outcomes; their losses have fallen by one a step to what they are."""
    outcomes = [{"reason": None, "loss": math.nan, **outcome(each)} for each in runs]
    curves = [
        {"run_id": each.run_id, "step": step, "loss": end["loss"] + 4 - step, "accuracy": 0.5}
        for each, end in zip(runs, outcomes, strict=True)
        for step in (0, 2, 4)
    ]
    return {**failed(runs, ""), "runs": runs_table(runs, outcomes), "curves": pd.DataFrame(curves)}
