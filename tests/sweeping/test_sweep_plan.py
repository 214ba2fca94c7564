"""The plan of a sweep: which job takes which directory when a sweep is gone on with, and what is missing."""

from __future__ import annotations

from pathlib import Path

import pyarrow.parquet as pq
import pytest

from harness.base.errors import UserError
from harness.settings.members import members
from harness.sweeping.jobs import Job
from harness.sweeping.lock import Lock
from harness.sweeping.plan import (
    assign_directories,
    done,
    extend_plan,
    forget_checkpoints,
    forget_unasked,
    missing,
    read_plan,
    rename_in_plan,
    set_damaged_aside,
)
from harness.tables.jobs import publish
from harness.tables.storage import write_tables
from tests.conftest import Config
from tests.sweeping.test_launching import ok


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
    assert [path.name for path in (tmp_path / "jobs" / "0").iterdir()] == ["tables"]


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


def test_a_run_that_diverged_is_done(config: Config, tmp_path: Path) -> None:
    each = job(config, "0", 0, 1, 2)
    tables = ok(each.runs)
    tables["runs"]["status"] = ["diverged", "failed", "ok"]
    publish(tmp_path / "jobs" / "0" / "tables", tables, each.runs)
    extend_plan(tmp_path, [each])
    assert done(tmp_path) == {each.ids[0], each.ids[2]}
    found = missing(tmp_path)
    assert found is not None
    assert (found.runs, found.planned, str(found)) == (0, 3, "")  # a failure is a result
    (again,) = assign_directories(tmp_path, [each], done(tmp_path))
    assert [run.run_id for run in again.todo] == [each.ids[1]]
    assert again.runs == each.runs


def test_a_run_that_was_pruned_is_done_for_the_search_alone(config: Config, tmp_path: Path) -> None:
    each = job(config, "0", 0, 1)
    tables = ok(each.runs)
    tables["runs"]["status"] = ["pruned", "ok"]
    publish(tmp_path / "jobs" / "0" / "tables", tables, each.runs)
    extend_plan(tmp_path, [each])
    assert done(tmp_path) == {each.ids[1]}
    assert done(tmp_path, pruned=True) == set(each.ids)
    assert str(missing(tmp_path)) == ""


def test_a_job_under_another_number_does_not_do_again_what_is_done_elsewhere(config: Config, tmp_path: Path) -> None:
    old = [job(config, "0", 0, 1), job(config, "1", 2, 3)]
    extend_plan(tmp_path, old)
    finish(tmp_path, old[0])
    swapped = [job(config, "0", 2, 3), job(config, "1", 0, 1)]  # the same command with its values in another order
    found = assign_directories(tmp_path, swapped, done(tmp_path))
    # What was planned as job 1 keeps that directory; of what is done there is nothing left to plan.
    assert [(each.name, [run.seed for run in each.todo]) for each in found] == [("1", [2, 3])]
    both = assign_directories(tmp_path, [job(config, "0", 1, 2)], done(tmp_path))
    assert [(each.name, [run.seed for run in each.todo]) for each in both] == [("2", [2])]


def test_new_directories_are_free_ones(config: Config, tmp_path: Path) -> None:
    old = [job(config, str(number), 10 + number) for number in range(3)]
    extend_plan(tmp_path, old)
    (tmp_path / "jobs" / "3").mkdir(parents=True)  # of a job that was broken off before anything was planned
    new = [job(config, "0", 0), job(config, "1", 1)]
    found = assign_directories(tmp_path, new, set())
    assert [each.name for each in found] == ["4", "5"]
    extend_plan(tmp_path, found)
    assert assign_directories(tmp_path, new, set()) == found  # asked again, they take the same ones


def test_jobs_of_a_later_command_take_directories_that_nobody_has(config: Config, tmp_path: Path) -> None:
    extend_plan(tmp_path, [job(config, "0", 0)])
    found = assign_directories(tmp_path, [job(config, "0", 0), job(config, "1", 5), job(config, "2", 6)], set())
    assert [each.name for each in found] == ["0", "1", "2"]


def test_the_plan_keeps_its_order_and_moves_runs_to_their_new_job(config: Config, tmp_path: Path) -> None:
    extend_plan(tmp_path, [job(config, "0", 0, 1), job(config, "1", 2)])
    extend_plan(tmp_path, [job(config, "7", 1, 3)])
    zero, one, three = (members(config(cell="rnn", seed=seed))[0].run_id for seed in (0, 1, 3))
    two = members(config(cell="rnn", seed=2))[0].run_id
    assert list((read_plan(tmp_path) or {}).items()) == [(zero, "0"), (one, "7"), (two, "1"), (three, "7")]
    rename_in_plan(tmp_path, {one: "other", "unknown": "x"})
    assert list(read_plan(tmp_path) or {}) == [zero, "other", two, three]


def test_what_nobody_asks_for_is_forgotten_unless_it_is_done(config: Config, tmp_path: Path) -> None:
    jobs = [job(config, "0", 0, 1), job(config, "1", 2, 3)]
    extend_plan(tmp_path, jobs)
    tables = ok(jobs[0].runs)
    tables["runs"]["status"] = ["ok", "failed"]
    publish(tmp_path / "jobs" / "0" / "tables", tables, jobs[0].runs)
    merged = ok(jobs[1].runs)
    merged["runs"]["status"] = ["diverged", "failed"]
    write_tables(tmp_path / "tables", merged)
    forget_unasked(tmp_path, set())
    assert list(read_plan(tmp_path) or {}) == [jobs[0].ids[0], jobs[1].ids[0]]
    extend_plan(tmp_path, jobs)
    forget_unasked(tmp_path, {jobs[1].ids[1]})
    assert set(read_plan(tmp_path) or {}) == {jobs[0].ids[0], jobs[1].ids[0], jobs[1].ids[1]}


def test_what_a_search_has_pruned_stays_planned_though_nobody_asks_for_it(config: Config, tmp_path: Path) -> None:
    each = job(config, "0", 0, 1)
    extend_plan(tmp_path, [each])
    tables = ok(each.runs)
    tables["runs"]["status"] = ["pruned", "failed"]
    publish(tmp_path / "jobs" / "0" / "tables", tables, each.runs)
    forget_unasked(tmp_path, set())
    assert list(read_plan(tmp_path) or {}) == each.ids[:1]


def test_tables_of_another_format_stop_everything_and_stay(config: Config, tmp_path: Path) -> None:
    each = job(config, "0", 0)
    finish(tmp_path, each)
    path = tmp_path / "jobs/0/tables/curves.parquet"
    table = pq.read_table(path)
    pq.write_table(table.replace_schema_metadata({b"harness_format": b"1"}), path)
    with pytest.raises(UserError, match=r"curves\.parquet: table format 1, this version reads format 3"):
        set_damaged_aside(tmp_path)
    assert path.exists()


def test_tables_that_are_damaged_again_stand_beside_the_first_ones(config: Config, tmp_path: Path) -> None:
    each = job(config, "0", 0)
    for name in ("damaged", "damaged-2", "damaged-3"):
        finish(tmp_path, each)
        (tmp_path / "jobs/0/tables/runs.parquet").write_bytes(b"")
        (line,) = set_damaged_aside(tmp_path)
        assert line.endswith(f"its runs are done again, the old tables are kept in {tmp_path / 'jobs/0' / name}")
    assert sorted(path.name for path in (tmp_path / "jobs/0").iterdir()) == ["damaged", "damaged-2", "damaged-3"]
    finish(tmp_path, each)
    (tmp_path / "jobs/0/tables/runs.parquet").unlink()
    (line,) = set_damaged_aside(tmp_path)
    assert "jobs/0/tables: tables without a table of runs; its runs" in line


def test_a_plan_that_is_empty_has_the_types_of_any_other(config: Config, tmp_path: Path) -> None:
    extend_plan(tmp_path, [job(config, "0", 0)])
    before = pq.read_schema(tmp_path / "plan.parquet").types
    forget_unasked(tmp_path, set())
    assert read_plan(tmp_path) == {}
    assert pq.read_schema(tmp_path / "plan.parquet").types == before
