"""A job: one pack of runs as a launcher starts it, in this process or on another machine."""

from __future__ import annotations

import hashlib
import logging
import os
from collections.abc import Callable, Sequence
from pathlib import Path

import torch
from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig

from harness.base.errors import reason
from harness.run.checkpoint import Checkpoint
from harness.run.pack import run
from harness.run.rows import failed
from harness.run.stopping import Stopping
from harness.settings.conduct import conduct, run_settings
from harness.settings.members import members
from harness.settings.settings import Settings
from harness.sweep.progress import JobProgress
from harness.tables.jobs import Frames, joined, publish

log = logging.getLogger(__name__)


def run_job(config: DictConfig) -> float:
    """Run the members of a job's configuration and put their tables into the job's directory.

    A pack that raises or takes too long is halved, and its halves run, until the culprits stand alone: they are
    recorded as failed, with the reason; the tracebacks stand in the job's log.

    Returns:
        The mean of `sweep.objective` over the runs, for sweepers that search; NaN where one has failed.

    Raises:
        KeyboardInterrupt: the job was asked to stop; its state is saved where `checkpoint.every` says so.
        OSError: not even a note of the failure could be written.
    """
    logging.raiseExceptions = False  # a log that cannot be written, on a full disk, is no error of the runs
    use_granted_cores()
    directory, how = Path(HydraConfig.get().runtime.output_dir), conduct(config)
    everyone = members(run_settings(config))
    todo = [each for each in everyone if how.sweep.only is None or each.run_id in how.sweep.only]
    progress = JobProgress(directory, len(todo), todo[0].train.steps)

    def attempt(runs: Sequence[Settings]) -> Frames:
        with Stopping(how.sweep.timeout) as stopping:
            ids = [each.run_id for each in runs]
            path = directory / f"checkpoint-{hashlib.sha256(' '.join(ids).encode()).hexdigest()[:8]}.pt"
            checkpoint = Checkpoint(path, ids, how.checkpoint.every or 0, lambda: stopping.asked)

            def tick(step: int) -> None:
                progress.tick(step, len(runs))
                stopping.check()

            return run(runs, tick, checkpoint)

    tables = joined(isolated(todo, attempt, progress.settled))
    try:
        publish(directory / "tables", tables, everyone)
    except OSError as error:
        log.exception("tables of job %s cannot be written", directory.name)
        tables = failed(todo, reason(error))
        progress.settled([], tables)
        publish(directory / "tables", tables, everyone)
    for path in directory.glob("checkpoint-*.pt"):
        path.unlink(missing_ok=True)
    progress.done()
    return float(tables["runs"][how.sweep.objective].mean(skipna=False))


def use_granted_cores() -> None:
    """Use as many threads as Slurm has granted cores; the other launchers say so by OMP_NUM_THREADS themselves."""
    if granted := os.environ.get("SLURM_CPUS_PER_TASK"):
        torch.set_num_threads(int(granted))


def isolated(
    runs: Sequence[Settings],
    attempt: Callable[[Sequence[Settings]], Frames],
    settled: Callable[[Sequence[Settings], Frames], None] = lambda runs, frames: None,
) -> list[Frames]:
    """The tables of runs that train together as far as they can: whoever makes a pack fail ends up alone.

    Args:
        attempt: runs a pack.
        settled: told of runs that are over, and of their tables.
    """
    try:
        frames = attempt(runs)
    except Exception as error:
        log.exception("%d runs failed together: %s", len(runs), ", ".join(each.run_id for each in runs))
        if len(runs) > 1:
            half = len(runs) // 2
            return isolated(runs[:half], attempt, settled) + isolated(runs[half:], attempt, settled)
        first = runs[0]
        frames = failed(runs, reason(error, first.experiment, first.cell, *first.probes.values()))
    settled(runs, frames)
    return [frames]


def describe(runs: Sequence[Settings]) -> str:
    """What a job is, in a few words."""
    first = runs[0]
    return f"{first.experiment.name} {first.cell.name} seq_len={first.seq_len}"


def work(runs: Sequence[Settings]) -> float:
    """A job's share of the work, in arbitrary units: what the time left is reckoned by."""
    first = runs[0]
    width = first.cell.stored_per_step(first.hidden_size)
    return float(len(runs) * (first.train.steps + 1) * first.seq_len * first.num_layers * width)
