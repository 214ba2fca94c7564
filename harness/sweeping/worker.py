"""The work of one job, in this process or on another machine: its runs trained, its tables in their place."""

from __future__ import annotations

import logging
import math
import os
from collections.abc import Callable, Sequence
from pathlib import Path

import torch
from omegaconf import DictConfig

from harness.base.errors import reason
from harness.base.gpus import settle_on_gpu
from harness.base.hashes import short_hash
from harness.settings.conduct import conduct, run_settings
from harness.settings.members import members
from harness.settings.settings import Settings
from harness.sweeping.progress import JobProgress, Warnings
from harness.sweeping.pruning import FILE as PRUNING
from harness.sweeping.pruning import Judge, Pruning
from harness.tables.jobs import Frames, joined, publish
from harness.training.checkpoint import CHECKPOINTS, Checkpoint
from harness.training.keeping import Keeper
from harness.training.pack import never, run
from harness.training.rows import failed
from harness.training.stopping import Stopping

log = logging.getLogger(__name__)

FAILED_FAST = ".failed"
"""A file beside the jobs: with `sweep.fail_fast`, that a run has failed, and that no further job is to begin."""


def run_job(directory: Path, config: DictConfig) -> float:
    """Run the members of a job's configuration and put their tables into the job's directory.

    A pack that raises or takes too long is halved, and its halves run, until the culprits stand alone: they are
    recorded as failed, with the reason; the tracebacks stand in the job's log.

    Args:
        directory: the job's.

    Returns:
        The mean of `sweep.objective` over the runs, for sweepers that search; NaN where one has failed.

    Raises:
        KeyboardInterrupt: the job was asked to stop; its state is saved where `checkpoint.every` says so.
        OSError: not even a note of the failure could be written.
    """
    logging.raiseExceptions = False  # a log that cannot be written, on a full disk, is no error of the runs
    use_granted_cores()
    how, everyone = conduct(config), members(run_settings(config))
    failing = directory.parent / FAILED_FAST
    if how.sweep.fail_fast and failing.exists():
        return math.nan  # another job has failed already
    todo = [each for each in everyone if how.sweep.only is None or each.run_id in how.sweep.only]
    # Of a trial that is not there as a whole, nobody knows what it is worth.
    judge = Judge(Pruning.read(directory)) if how.sweep.pruning and len(todo) == len(everyone) else None
    progress = JobProgress(directory, len(todo), todo[0].train.steps)

    def attempt(runs: Sequence[Settings]) -> Frames:
        with Stopping(how.sweep.timeout) as stopping:
            ids = [each.run_id for each in runs]
            path = directory / f"checkpoint-{short_hash(' '.join(ids), 8)}.pt"
            checkpoint = Checkpoint(path, ids, how.checkpoint.every or 0, stopping.hears)

            keeper = Keeper(directory, runs, how.keep.best) if how.keep.weights or how.keep.best else None

            def tick(step: int) -> None:
                progress.tick(step, len(runs))
                stopping.check(saves_next=checkpoint.every > 0 and step < runs[0].train.steps)

            if runs[0].device != "cpu":
                settle_on_gpu(runs[0].device)
            hopeless = judge.hopeless if judge and len(runs) == len(todo) else never
            return run(runs, tick, checkpoint, hopeless, keeper)

    with Warnings(progress):
        tables = joined(isolated(todo, attempt, progress.runs_over, how.sweep.fail_fast))
    if how.sweep.fail_fast and has_failed(tables):
        failing.touch()
    try:
        publish(directory / "tables", tables, everyone)
    except OSError as error:
        log.exception("tables of job %s cannot be written", directory.name)
        tables = failed(todo, reason(error))
        progress.runs_over([], tables)
        publish(directory / "tables", tables, everyone)
    for path in (*directory.glob(CHECKPOINTS), directory / PRUNING):
        path.unlink(missing_ok=True)
    progress.done()
    return float(tables["runs"][how.sweep.objective].mean(skipna=False))


def has_failed(tables: Frames) -> bool:
    """Whether one of these runs has failed."""
    return bool((tables["runs"].status == "failed").any())


def use_granted_cores() -> None:
    """Use as many threads as Slurm has granted cores; the other launchers say so by OMP_NUM_THREADS themselves."""
    if granted := os.environ.get("SLURM_CPUS_PER_TASK"):
        torch.set_num_threads(int(granted))


def isolated(
    runs: Sequence[Settings],
    attempt: Callable[[Sequence[Settings]], Frames],
    over: Callable[[Sequence[Settings], Frames], None] = lambda runs, frames: None,
    fail_fast: bool = False,
) -> list[Frames]:
    """The tables of runs that train together as far as they can: a run that makes a pack fail ends up alone.

    Args:
        attempt: runs a pack.
        over: called with runs that are over, one way or the other, and their tables.
        fail_fast: leave out what comes behind the first run that fails.
    """
    try:
        frames = attempt(runs)
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # a plugin may do anything, sys.exit() included
        log.exception("%d runs failed together: %s", len(runs), ", ".join(each.run_id for each in runs))
        if len(runs) > 1:
            half = len(runs) // 2
            first_half = isolated(runs[:half], attempt, over, fail_fast)
            if fail_fast and has_failed(joined(first_half)):
                return first_half
            return first_half + isolated(runs[half:], attempt, over, fail_fast)
        first = runs[0]
        frames = failed(runs, reason(error, first.experiment, first.cell, *first.probes.values()))
    over(runs, frames)
    return [frames]
