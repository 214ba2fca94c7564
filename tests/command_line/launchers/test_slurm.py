"""Slurm's jobs at their time limits, cancelled, refused: on a cluster of one node, or with programs that play it."""

from __future__ import annotations

import os
import stat
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from harness.command_line.launchers import queue
from tests.helpers.clusters import needs, needs_slurm
from tests.helpers.sweeps import QUICK, assert_same, command, start, wait_for, when_imported

SLOW = """
import os, pathlib, time
class Streams(module.Streams):
    def draw(self, *args, **named):
        pathlib.Path({fast!r}).with_name(f"trains_{{os.getpid()}}").touch()
        if not pathlib.Path({fast!r}).exists():
            time.sleep(0.5)
        return super().draw(*args, **named)
module.Streams = Streams
"""

ASKED_OFTEN = """
import harness.command_line.launchers.queue as queue, harness.command_line.launchers.slurm as slurm
queue.POLL_EVERY = slurm.PATIENCE = 1.0
"""


def slowed(fast: Path) -> str:
    """Code with which a training step takes half a second until ``fast`` is there, and Slurm is asked often.

    Every process that trains leaves a file beside it, see `trained`.
    """
    return when_imported("harness.training.building", SLOW.format(fast=str(fast))) + when_imported(
        "harness.command_line.main", ASKED_OFTEN
    )


def running(directory: Path) -> list[str]:
    """The ids of the jobs that run and were submitted from a directory."""
    asked = ["squeue", "--noheader", "--array", "--format=%i %Z", "--states=RUNNING"]
    said = subprocess.run(asked, capture_output=True, text=True, check=True).stdout
    jobs = (line.split(maxsplit=1) for line in said.splitlines())
    return [number for number, place in jobs if Path(place.strip()).is_relative_to(directory)]


def trained(directory: Path, processes: int) -> Callable[[], bool]:
    """Whether so many processes have begun to train so far; from then on they heed signals."""
    return lambda: len([*directory.glob("trains_*")]) >= processes


@pytest.mark.slow
@pytest.mark.cluster
def test_a_job_at_its_time_limit_goes_on_from_its_checkpoint_and_says_so(tmp_path: Path) -> None:
    """Slurm announces the limit by a signal; first the job may come back by itself, then the command brings it back."""
    needs_slurm()
    sweep = [*QUICK, "seq_len=8", "train.steps=60", "probe.every=20"]
    assert command(tmp_path, *sweep, "hydra.run.dir=whole").returncode == 0
    limits = ["hydra/launcher=slurm", "hydra.launcher.timeout_min=5", "hydra.launcher.max_num_timeout=1"]
    slow = slowed(tmp_path / "fast")
    process = start(tmp_path, *sweep, *limits, "checkpoint.every=1000", "hydra.run.dir=out", code=slow)
    for sitting in (1, 2):
        wait_for(trained(tmp_path, sitting), process)
        wait_for(lambda: bool(running(tmp_path)), process)  # a busy Slurm may not have heard yet that the job runs
        subprocess.run(["scancel", "--signal=USR2", *running(tmp_path)], check=True)
    wait_for(trained(tmp_path, 3), process)
    (tmp_path / "fast").touch()
    _, err = process.communicate(timeout=120)
    assert process.returncode == 0, err
    assert "again, after its time limit or a preemption; it goes on from its checkpoint" in err
    assert "took longer than hydra.launcher.timeout_min=5 minutes; it goes on from its checkpoint" in err
    assert_same(tmp_path / "whole", tmp_path / "out")


@pytest.mark.slow
@pytest.mark.cluster
def test_a_job_that_somebody_cancels_is_noticed_without_accounting_and_runs_again(tmp_path: Path) -> None:
    needs_slurm()
    slow = slowed(tmp_path / "fast")
    process = start(
        tmp_path, *QUICK, "seq_len=8", "train.steps=60", "hydra/launcher=slurm", "hydra.run.dir=out", code=slow
    )
    wait_for(trained(tmp_path, 1), process)
    wait_for(lambda: bool(running(tmp_path)), process)
    subprocess.run(["scancel", *running(tmp_path)], check=True)
    (tmp_path / "fast").touch()
    _, err = process.communicate(timeout=120)
    assert process.returncode == 0, err
    assert "CANCELLED; it runs once more, alone" in err
    assert "sacct" not in err


@pytest.mark.cluster
def test_what_sbatch_would_refuse_is_refused_before_anything_is_written(tmp_path: Path) -> None:
    needs_slurm()
    done = command(tmp_path, *QUICK, "hydra/launcher=slurm", "hydra.launcher.partition=nowhere")
    assert done.returncode == 1
    assert len(done.stderr.splitlines()) == 1
    assert "hydra.launcher: sbatch takes no such job (invalid partition specified: nowhere" in done.stderr
    assert not list(tmp_path.iterdir())


def test_a_limit_that_is_announced_when_a_job_begins_is_refused(tmp_path: Path) -> None:
    needs("hydra_submitit_launcher", "slurm")
    done = command(tmp_path, *QUICK, "hydra/launcher=slurm", "hydra.launcher.timeout_min=2")
    assert done.returncode == 1
    assert done.stderr.startswith("harness: hydra.launcher.timeout_min=2: Slurm would announce a job's end")
    assert not list(tmp_path.iterdir())


def test_without_sbatch_nothing_is_written(tmp_path: Path) -> None:
    needs("hydra_submitit_launcher", "slurm")
    done = command(tmp_path, *QUICK, "hydra/launcher=slurm", PATH=str(tmp_path))
    assert done.returncode == 1
    assert done.stderr.startswith("harness: hydra/launcher=slurm: no sbatch here; valid: ")
    assert not list(tmp_path.iterdir())


def test_a_submission_that_fails_says_how_to_go_on(tmp_path: Path) -> None:
    """An `sbatch` that tests jobs and then takes none, as where a user has too many.

    The GPU that is asked for is one of Slurm's machines', not of this one.
    """
    needs("hydra_submitit_launcher", "slurm")
    programs = tmp_path / "bin"
    programs.mkdir()
    for name in ("sbatch", "srun"):
        program = programs / name
        program.write_text(
            '#!/bin/sh\n[ "$1" = --test-only ] || { echo "sbatch: error: too many jobs" >&2; exit 1; }\n'
        )
        program.chmod(program.stat().st_mode | stat.S_IXUSR)
    path = f"{programs}{os.pathsep}{os.environ['PATH']}"
    done = command(tmp_path, *QUICK, "device=cuda:77", "hydra/launcher=slurm", "hydra.run.dir=out", PATH=path)
    assert done.returncode == 1
    last = done.stderr.splitlines()[-1]
    assert "no job could be started" in last
    assert "too many jobs" in last
    assert last.endswith("once that is mended: python -m harness resume=out")


def test_jobs_that_left_the_queue_have_ended_and_restarts_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    answers = iter(["7_0 RUNNING 0\n7_1 PENDING 0\n", None, "7_0 RUNNING 1\n7_1 CANCELLED 0\n", "7_1 CANCELLED 0\n"])
    monkeypatch.setattr(queue, "ask", lambda: None if (said := next(answers)) is None else queue.read(said))
    monkeypatch.setattr(queue, "POLL_EVERY", 0.0)
    told: list[str] = []
    jobs = queue.Queue(["7_0", "7_1"], told.append)
    assert [dict(jobs.ended()) for _ in range(4)] == [
        {}, {}, {"7_1": "CANCELLED"}, {"7_0": queue.GONE, "7_1": "CANCELLED"}
    ]  # fmt: skip
    assert told == ["7_0"]
