"""``resume=DIR``: which words of earlier commands still hold, beside those that are said anew."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

import harness
from harness.base.errors import UserError
from harness.command_line.resuming import resumed
from tests.helpers.sweeps import QUICK, assert_same, command, start, wait_for


def sweep(directory: Path, *commands: list[str]) -> None:
    (directory / "provenance.json").write_text(json.dumps({"commands": commands}))


SLURM, RAY = "hydra/launcher=slurm", "hydra/launcher=ray"


@pytest.mark.parametrize(
    ("old", "new", "kept"),
    [
        ([SLURM, "hydra.launcher.partition=a"], [], "all"),
        ([SLURM, "hydra.launcher.partition=a"], ["hydra.launcher.partition=b"], [SLURM]),
        ([SLURM, "+hydra.launcher.account=x"], ["hydra/launcher=joblib"], []),
        ([SLURM, "+hydra.launcher.account=x"], ["+hydra.launcher.account=y"], [SLURM]),
        ([RAY, "hydra.launcher.ray.init.address=auto"], ["hydra/launcher=basic"], []),
        ([RAY, "hydra.launcher.ray.remote.num_cpus=0.5"], [RAY],
         ["hydra.launcher.ray.remote.num_cpus=0.5"]),
        (["hydra/launcher=joblib", "hydra.launcher.n_jobs=2"], ["hydra.launcher.n_jobs=3"], ["hydra/launcher=joblib"]),
        (["hydra/sweeper=basic"], [], []),
        (["sweep.max_members=2"], ["sweep.timeout=3"], "all"),
    ],
)  # fmt: skip
def test_a_launcher_that_is_replaced_takes_its_settings_with_it(
    tmp_path: Path, old: list[str], new: list[str], kept: list[str] | str
) -> None:
    sweep(tmp_path, ["-m", "seed=0,1", *old])
    (found,) = resumed([f"resume={tmp_path}", *new])
    assert found[:2] == ["--multirun", "seed=0,1"]
    assert found[2:] == [*(old if kept == "all" else kept), *new, f"hydra.sweep.dir={tmp_path}"]


def test_words_that_would_change_runs_are_refused(tmp_path: Path) -> None:
    sweep(tmp_path, ["-m", "seed=0,1"])
    for word in ("seed=2", "hydra.job.chdir=true", "+hydra.sweeper.n_trials=3"):
        with pytest.raises(UserError, match="a sweep goes on with the runs that it began with"):
            resumed([f"resume={tmp_path}", word])


@pytest.mark.slow
def test_a_corrected_command_takes_the_place_of_the_one_that_asked_for_the_same(tmp_path: Path) -> None:
    words = [*QUICK, "train.steps=1", "probe.every=1", "hydra.run.dir=out"]
    wrong = command(tmp_path, *words, "hydra/launcher=joblib", "hydra.launcher.n_jobs=0")
    assert wrong.returncode == 1
    assert "resume=out" in wrong.stderr
    assert command(tmp_path, *words, "hydra/launcher=basic").returncode == 0
    again = command(tmp_path, "resume=out")
    assert again.returncode == 0, again.stderr
    assert "goes on with: --multirun" in again.stderr
    assert "n_jobs" not in again.stderr


@pytest.mark.slow
def test_a_sweep_of_hydras_own_sweeper_ends_in_a_report_and_is_gone_on_with(tmp_path: Path) -> None:
    words = ["-m", *QUICK, "train.steps=1", "probe.every=1", "cell=rnn,gru", "hydra.sweep.dir=out"]
    done = command(tmp_path, *words, "hydra/sweeper=basic")
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == "out/report.html"
    (tmp_path / "out" / "jobs" / "1" / "tables" / "runs.parquet").unlink()
    again = command(tmp_path, "resume=out")
    assert again.returncode == 0, again.stderr
    assert "1 of 2 runs are done already" in again.stderr
    assert sorted(harness.load(tmp_path / "out").runs.cell) == ["gru", "rnn"]


@pytest.mark.slow
def test_other_packs_at_resume_end_in_the_tables_of_a_sweep_that_had_them_from_the_beginning(tmp_path: Path) -> None:
    words = ["-m", *QUICK, "cell=lstm", "seed=0,1,2,3", "train.steps=400", "probe.every=200"]
    assert command(tmp_path, *words, "sweep.max_members=2", "hydra.sweep.dir=whole").returncode == 0
    process = start(tmp_path, *words, "checkpoint.every=10", "hydra.sweep.dir=out")
    wait_for(lambda: any((tmp_path / "out").glob("jobs/0/checkpoint-*.pt")), process)
    process.kill()
    process.wait()
    again = command(tmp_path, "resume=out", "sweep.max_members=2")
    assert again.returncode == 0, again.stderr
    assert_same(tmp_path / "whole", tmp_path / "out")
    assert not list((tmp_path / "out").glob("jobs/*/checkpoint-*.pt"))


@pytest.mark.slow
def test_sweeps_of_one_second_get_directories_of_their_own(tmp_path: Path) -> None:
    """All are given one moment, as Hydra's resolver of the time makes it."""
    words = [*QUICK, "train.steps=1", "probe.every=1", "hydra.run.dir='${now:%Y}'"]
    together = [start(tmp_path, *words, f"seed={seed}") for seed in range(2)]
    for process in together:
        said = process.communicate(timeout=240)[1]
        assert process.returncode == 0, said
    found = sorted(path.parent for path in tmp_path.glob("*/report.html"))
    assert [len(harness.load(path).runs) for path in found] == [1, 1]
    assert [path.name for path in found] == [found[0].name, f"{found[0].name}-2"]


def test_a_directory_that_cannot_be_written_is_told_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "disk").mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", str(tmp_path / "disk")]
    if subprocess.run(mount, check=False, capture_output=True).returncode:
        pytest.skip("no right to mount here")
    try:
        (tmp_path / "disk" / "out").mkdir()
        sweep(tmp_path / "disk" / "out", ["-m", *QUICK])
        subprocess.run(["mount", "-o", "remount,ro", str(tmp_path / "disk")], check=True)
        for words in (["resume=disk/out"], [*QUICK, "hydra.run.dir=disk/new"], ["hydra.run.dir='disk/${now:%Y}'"],
                      ["-m", "hydra/sweeper=basic", "hydra.sweep.dir=disk/basic"]):  # fmt: skip
            done = command(tmp_path, *words)
            assert done.returncode == 1
            said = [line for line in done.stderr.splitlines() if not line.startswith("goes on with:")]
            assert len(said) == 1
            assert "Read-only file system" in said[0]
    finally:
        subprocess.run(["umount", str(tmp_path / "disk")], check=True)
