"""From the settings of a command line to jobs, and what is said and written around them; the jobs do not train."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hydra.core.utils import JobReturn, JobStatus, setup_globals
from omegaconf import OmegaConf

from harness.base.errors import UserError
from harness.command_line.sweeper import PackingSweeper, settle_directory, side_by_side
from harness.settings.settings import Settings
from harness.sweeping.plan import read_plan
from harness.tables.storage import read_table, write_table
from tests.helpers.in_process import QUICK, Outcome, Work, learned, sweeper_of, typed


@pytest.fixture(scope="module")
def made() -> PackingSweeper:
    return sweeper_of("-m", *QUICK, "hydra/launcher=basic")


@pytest.fixture
def sweeper(made: PackingSweeper) -> PackingSweeper:
    made.params = {}
    return made


def packs(sweeper: PackingSweeper, *words: str) -> list[list[tuple[Any, ...]]]:
    """Of each job the cell, length, weight scale and seed of its runs."""
    jobs, _ = sweeper.jobs([*QUICK, *words])
    assert [job.name for job in jobs] == [str(number) for number in range(len(jobs))]
    return [[(run.cell.name, run.seq_len, run.weight_scale, run.seed) for run in job.runs] for job in jobs]


@pytest.mark.parametrize(
    ("words", "sizes"),
    [
        (["seed=0,1,2", "weight_scale=0.9,1.1"], [6]),
        (["seed=0,1", "sweep.pack=false"], [1, 1]),
        (["seed=range(5)", "sweep.max_members=2"], [2, 2, 1]),
        (["seed=[0,1,2,3,4]", "sweep.max_members=2"], [2, 2, 1]),  # a list that was typed is no other
        (["seq_len=7,8", "seed=0,1,1,0"], [2, 2]),
        (["experiment=recall_dish,odds_first", "seed=0,1"], [2, 2]),
    ],
)
def test_what_packs_is_one_job_as_far_as_it_may_be(sweeper: PackingSweeper, words: list[str], sizes: list[int]) -> None:
    assert [len(job) for job in packs(sweeper, *words)] == sizes


def test_a_pack_holds_no_more_runs_than_the_memory(sweeper: PackingSweeper, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    def fitting(settings: Settings, side_by_side: int) -> int:
        asked.append((settings.seed, side_by_side))
        return 2

    monkeypatch.setattr("harness.command_line.sweeper.members_in_memory", fitting)
    jobs, how = sweeper.jobs([*QUICK, "seed=3,4,5", "sweep.timeout=7"])
    assert [[run.seed for run in job.todo] for job in jobs] == [[3, 4], [5]]
    assert [job.composed for job in jobs] == [3, 3]  # both are made of one configuration
    assert jobs[0].overrides == jobs[1].overrides
    assert jobs[0].overrides[-2:] == ["seed=[3,4,5]", "sweep.timeout=7"]
    assert asked == [(3, 1)]
    assert how.timeout == 7


@pytest.mark.parametrize(("n_jobs", "jobs"), [(None, 1), (1, 1), (3, 3), (0, os.cpu_count()), (-1, os.cpu_count())])
def test_jobs_that_share_a_machine_share_its_memory(n_jobs: int | None, jobs: int) -> None:
    launcher = {} if n_jobs is None else {"n_jobs": n_jobs}
    assert side_by_side(OmegaConf.create({"hydra": {"launcher": launcher}}), "cpu") == jobs


def test_what_is_typed_replaces_what_a_study_sweeps_over(sweeper: PackingSweeper) -> None:
    sweeper.params = {"seed": "1,2", "weight_scale": "0.9,1.1", "gru.gate_init": "constant"}
    found = packs(sweeper, "cell=rnn", "weight_scale=1.0")  # an option of a cell that is not asked for is not needed
    assert found == [[("rnn", 7, 1.0, 1), ("rnn", 7, 1.0, 2)]]


def test_an_option_of_one_cell_is_varied_in_its_own_runs(sweeper: PackingSweeper) -> None:
    jobs, _ = sweeper.jobs([*QUICK, "cell=rnn,lstm", "lstm.forget_bias=0,3", "seed=5,6"])
    found = [[(run.cell.name, run.seed, getattr(run.cell, "forget_bias", None)) for run in job.runs] for job in jobs]
    lstm = [("lstm", seed, bias) for seed in (5, 6) for bias in (0.0, 3.0)]
    assert [sorted(job) for job in found] == [[("rnn", 5, None), ("rnn", 6, None)], lstm]


def test_an_option_that_says_how_the_cell_of_an_experiment_starts_packs(sweeper: PackingSweeper) -> None:
    """No cell is named: it is the experiment's own."""
    jobs, _ = sweeper.jobs([*QUICK, "cell=lstm", "cell.forget_bias=0,3"])
    assert [len(job.runs) for job in jobs] == [2]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["train.lr=interval(0.1,0.2)"], "train.lr=interval(0.1,0.2): this sweeper needs a list of values, a range or"),
        (["cell=glob(z*)"], "cell=glob(z*): matches nothing; valid: at least one value"),
        (["seed=0,1,-1"], "seed=-1: "),
        (["device=cuda:77"], "device=cuda:77: no such device here"),
        (["cell=rnn,lstm", "gru.bias=1"], "gru.bias: no run has cell=gru; valid: options of rnn, lstm"),
    ],
)
def test_what_cannot_be_swept_is_refused(sweeper: PackingSweeper, words: list[str], said: str) -> None:
    with pytest.raises(UserError) as caught:
        sweeper.jobs([*QUICK, *words])
    assert str(caught.value).startswith(said)


def test_a_device_may_be_there_where_the_jobs_run(sweeper: PackingSweeper, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sweeper.launcher, "elsewhere", True, raising=False)
    assert [job.runs[0].device for job in sweeper.jobs([*QUICK, "device=cuda:77"])[0]] == ["cuda:77"]


def test_of_a_job_that_has_not_ended_well_the_error_is_known(
    sweeper: PackingSweeper, monkeypatch: pytest.MonkeyPatch
) -> None:
    error = RuntimeError("no oven")
    ends = [JobReturn(status=JobStatus.COMPLETED), JobReturn(status=JobStatus.FAILED)]
    ends[0].return_value, ends[1].return_value = 0.5, error
    given = []

    def launch(overrides: object, initial_job_idx: int) -> list[JobReturn]:
        given.append((overrides, initial_job_idx))
        return ends

    monkeypatch.setattr(sweeper.launcher, "launch", launch)
    assert sweeper.launch([["seed=1"], ["seed=2"]]) == [None, error]
    assert given == [([["seed=1"], ["seed=2"]], 0)]


@pytest.mark.parametrize("by", ["run", "sweep"])
def test_a_directory_that_is_named_after_the_moment_is_no_other_sweeps(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, by: str
) -> None:
    setup_globals()
    monkeypatch.chdir(tmp_path)
    moment = "moments/${now:%Y}"
    names = {"run": {"dir": moment if by == "run" else "else"}}
    names["sweep"] = {"dir": "${hydra.run.dir}" if by == "run" else moment}

    def settled(names: dict[str, Any]) -> tuple[str, list[str]]:
        config = OmegaConf.create({"hydra": {**names, "overrides": {"hydra": ["hydra.verbose=true"]}}})
        OmegaConf.set_struct(config, True)
        OmegaConf.set_readonly(config, True)
        directory = settle_directory(config)
        assert config.hydra.sweep.dir == str(directory)
        return str(directory), list(config.hydra.overrides.hydra)

    found = [settled(names) for _ in range(2)]
    assert found[1][0] == f"{found[0][0]}-2"
    assert sorted(path.name for path in (tmp_path / "moments").iterdir()) == [Path(name).name for name, _ in found]
    assert found[1][1] == ["hydra.verbose=true", f"hydra.sweep.dir={tmp_path}/{found[1][0]}"]
    named = {**names, "sweep": {"dir": "with space"}}
    for _ in range(2):  # gone on with
        assert settled(named) == ("with space", ["hydra.verbose=true", f"hydra.sweep.dir='{tmp_path}/with space'"])
    assert not (tmp_path / "with space").exists()


@pytest.fixture
def work(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Work:
    """What the jobs of commands do, which are given in an empty directory."""
    made = Work()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("harness.sweeping.worker.run_job", lambda *given: made(*given))
    monkeypatch.setattr("harness.sweeping.watch.POLL_EVERY", 0.01)
    return made


@pytest.fixture
def reports(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """The directories of which there was a report; it says whether runs have failed."""
    found: list[Path] = []

    def report(directory: Path, chosen: object = None) -> int:
        found.append(directory)
        tables = [read_table(path) for path in directory.glob("jobs/*/tables/runs.parquet")]
        return int(any("failed" in table.status.tolist() for table in tables))

    monkeypatch.setattr("harness.command_line.reporting.report", report)
    return found


SWEEP = ["-m", *QUICK, "hydra.sweep.dir=out"]


def fails(seed: int) -> Callable[[Settings], Outcome]:
    return lambda run: {"status": "failed", "reason": "no oven"} if run.seed == seed else learned(run)


def interrupts(name: str) -> None:
    raise KeyboardInterrupt


def test_a_sweep_that_has_failed_and_was_interrupted_is_gone_on_with(
    work: Work, reports: list[Path], tmp_path: Path
) -> None:
    work.outcome = fails(1)
    code, err = typed(*SWEEP, "seed=0,1")
    assert (code, reports) == (1, [Path("out")])
    assert err.splitlines()[-1] == "to do again what failed:  python -m harness resume=out"
    work.before = interrupts
    code, err = typed(*SWEEP, "cell=gru", "seed=2")
    assert (code, reports) == (130, [Path("out")] * 2)
    assert err.splitlines()[-1] == "interrupted; to go on:  python -m harness resume=out"
    plan = read_table(tmp_path / "out" / "plan.parquet")
    assert len(plan) == 3
    plan.loc[3] = ["of an option that is gone", "9"]
    write_table(tmp_path / "out" / "plan.parquet", plan)
    work.outcome, work.before = learned, lambda name: None
    work.jobs.clear()
    code, err = typed("resume=out")
    assert (code, reports) == (0, [Path("out")] * 3), err  # one of both commands
    assert {name: [(run.cell.name, run.seed) for run in runs] for name, runs in work.jobs.items()} == {
        "0": [("rnn", 1)], "1": [("gru", 2)],
    }  # fmt: skip
    assert "1 of 2 runs are done already" in err
    assert "to do again" not in err
    asked = read_plan(tmp_path / "out")
    assert asked is not None
    assert list(asked) == plan.run_id[:3].tolist()


def test_of_a_sweep_that_was_interrupted_at_once_there_is_no_report(work: Work, reports: list[Path]) -> None:
    work.before = interrupts
    code, err = typed(*SWEEP)
    assert (code, reports) == (130, [])
    assert err.splitlines()[-1] == "interrupted; to go on:  python -m harness resume=out"


def test_what_could_not_be_saved_is_said_and_is_no_success(
    work: Work, reports: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*given: object) -> None:
        raise OSError(28, "No space left on device")

    def breaks(name: str) -> None:
        raise RuntimeError("no oven")

    monkeypatch.setattr("harness.sweeping.launching.publish", full)
    work.before = breaks
    code, err = typed(*SWEEP)
    assert code == 1
    assert "not saved: recall_dish rnn seq_len=7: 1 runs: RuntimeError: no oven" in err.splitlines()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ([*SWEEP, "tracker=nobody"], "tracker=nobody"),
        ([*SWEEP[1:], "seed=0,1"], "seed=0,1: several values are a multirun; add -m, or give one value"),
    ],
)
def test_what_is_refused_leaves_nothing_behind(work: Work, tmp_path: Path, words: list[str], said: str) -> None:
    code, err = typed(*words)
    assert (code, err.splitlines()[0][: 9 + len(said)]) == (1, f"harness: {said}")
    assert (work.jobs, list(tmp_path.iterdir())) == ({}, [])
