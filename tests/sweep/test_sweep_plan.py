"""The plan of a sweep: which job takes which directory when a sweep is gone on with, and what is missing."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.base.errors import UserError
from harness.settings.members import members
from harness.sweep.jobs import Job
from harness.sweep.lock import Lock
from harness.sweep.plan import (
    assign_directories,
    done,
    extend_plan,
    forget_checkpoints,
    missing,
    read_plan,
    set_damaged_aside,
)
from harness.tables.jobs import publish
from tests.conftest import Config
from tests.sweep.test_launching import ok


def job(config: Config, name: str, *seeds: int, cell: str = "rnn") -> Job:
    runs = members(config(cell=cell, seed=list(seeds)))
    return Job([], runs, runs, name, len(runs))


def finish(directory: Path, each: Job) -> None:
    publish(directory / "jobs" / each.name / "tables", ok(each.runs), each.runs)


def test_the_same_jobs_keep_their_directories(config: Config, tmp_path: Path) -> None:
    jobs = [job(config, "0", 0, 1), job(config, "1", 0, 1, cell="gru")]
    extend_plan(tmp_path, jobs)
    finish(tmp_path, jobs[0])
    assert assign_directories(tmp_path, jobs, done(tmp_path)) == [jobs[0].doing([]), jobs[1]]
    assert str(missing(tmp_path)) == "2 of 4 runs are missing"
    finish(tmp_path, jobs[1])
    assert str(missing(tmp_path)) == ""


def test_other_jobs_get_directories_of_their_own_without_what_is_done(config: Config, tmp_path: Path) -> None:
    old = job(config, "0", 0, 1)
    extend_plan(tmp_path, [old])
    finish(tmp_path, old)
    new = [job(config, "0", 0, 1, 2, cell="gru"), job(config, "1", 0, 1, 2)]
    found = assign_directories(tmp_path, new, done(tmp_path))
    assert [(each.name, [run.seed for run in each.runs]) for each in found] == [("2", [0, 1, 2]), ("1", [0, 1, 2])]
    extend_plan(tmp_path, found)
    assert len(read_plan(tmp_path) or {}) == 6


def test_runs_that_nobody_has_begun_are_divided_anew_from_the_first_number_on(config: Config, tmp_path: Path) -> None:
    extend_plan(tmp_path, [job(config, "0", 0, 1, 2, 3), job(config, "1", 0, 1, cell="gru")])
    checkpoint = tmp_path / "jobs" / "1" / "checkpoint-1.pt"
    checkpoint.parent.mkdir(parents=True)
    checkpoint.touch()
    new = [
        job(config, "0", 0, 1),
        job(config, "1", 2, 3),
        job(config, "2", 0, cell="gru"),
        job(config, "3", 1, cell="gru"),
    ]
    found = assign_directories(tmp_path, new, done(tmp_path))
    assert [each.name for each in found] == ["0", "1", "2", "3"]
    extend_plan(tmp_path, found)
    forget_checkpoints(tmp_path, set())
    assert checkpoint.exists()  # its job has the name of one that waits
    forget_checkpoints(tmp_path, {run.run_id for each in new for run in each.runs})
    assert not checkpoint.exists()


def test_runs_that_failed_are_not_done(config: Config, tmp_path: Path) -> None:
    each = job(config, "0", 0, 1)
    tables = ok(each.runs)
    tables["runs"]["status"] = ["ok", "failed"]
    publish(tmp_path / "jobs" / "0" / "tables", tables, each.runs)
    assert done(tmp_path) == {each.runs[0].run_id}


def test_a_directory_without_a_plan_misses_nothing_that_is_known(tmp_path: Path) -> None:
    assert missing(tmp_path) is None


def test_an_exchange_of_tables_that_was_broken_off_is_completed(config: Config, tmp_path: Path) -> None:
    each = job(config, "0", 0)
    finish(tmp_path, each)
    (tmp_path / "jobs" / "0" / "tables").rename(tmp_path / "jobs" / "0" / ".tables.next")
    assert done(tmp_path) == {each.runs[0].run_id}


@pytest.mark.parametrize(
    ("name", "damage"),
    [("runs", "cut"), ("runs", "overwritten"), ("runs", "missing"), ("curves", "cut"), ("curves", "overwritten")],
)
def test_damaged_tables_are_kept_aside_and_named(config: Config, tmp_path: Path, name: str, damage: str) -> None:
    jobs = [job(config, "0", 0), job(config, "1", 1)]
    for each in jobs:
        finish(tmp_path, each)
    path = tmp_path / "jobs" / "0" / "tables" / f"{name}.parquet"
    content = path.read_bytes()
    if damage == "missing":
        path.unlink()
    else:
        path.write_bytes(content[:-20] if damage == "cut" else bytes(len(content)))
    (line,) = set_damaged_aside(tmp_path)
    assert str(path.parent) in line
    assert (tmp_path / "jobs" / "0" / "damaged").is_dir()
    assert done(tmp_path) == {jobs[1].runs[0].run_id}
    assert set_damaged_aside(tmp_path) == []


def test_a_directory_is_held_by_one(tmp_path: Path) -> None:
    with Lock(tmp_path), pytest.raises(UserError, match=r"process \d+ on .* is at work"), Lock(tmp_path):
        pass
    with Lock(tmp_path):
        pass
