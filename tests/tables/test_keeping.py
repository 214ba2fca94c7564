"""What is finished is not lost: a job's tables while they are exchanged, merged tables whose job is damaged."""

from __future__ import annotations

import shutil
from pathlib import Path

import pandas as pd

import harness
from harness.tables.gather import gather
from harness.tables.jobs import complete, finished_jobs, publish
from harness.tables.storage import write_tables
from tests.conftest import Config
from tests.sweeping.test_launching import ok
from tests.sweeping.test_sweep_plan import job


def write(directory: Path, number: int, **status: str) -> Path:
    runs = pd.DataFrame({"run_id": list(status), "status": list(status.values()), "job": str(number)})
    folder = directory / "jobs" / str(number) / "tables"
    write_tables(folder, {"runs": runs, "curves": pd.DataFrame({"run_id": list(status), "step": number})})
    return folder


def statuses(tables: harness.Tables) -> dict[str, str]:
    return dict(zip(tables.runs.run_id, tables.runs.status, strict=True))


def test_merged_runs_stay_while_their_job_is_damaged_until_they_are_done_again(tmp_path: Path) -> None:
    write(tmp_path, 0, a="ok", b="diverged")
    damaged = write(tmp_path, 1, c="ok", d="failed")
    gather(tmp_path)
    (damaged / "curves.parquet").write_bytes(b"no table")
    tables = gather(tmp_path, skip_damaged=True)
    assert [str(damaged / "curves.parquet") in line for line in tables.left_out] == [True]
    assert statuses(tables) == {"a": "ok", "b": "diverged", "c": "ok"}
    assert tables.curves.set_index("run_id").step.to_dict() == {"a": 0, "b": 0, "c": 1}
    shutil.rmtree(damaged)
    write(tmp_path, 2, c="failed", d="ok")
    again = gather(tmp_path)
    assert statuses(again) == {"a": "ok", "b": "diverged", "d": "ok", "c": "ok"}
    write(tmp_path, 3, c="diverged")
    last = gather(tmp_path)
    assert statuses(last) == {"a": "ok", "b": "diverged", "d": "ok", "c": "diverged"}
    assert last.curves.set_index("run_id").step.to_dict() == {"a": 0, "b": 0, "d": 2, "c": 3}


def test_all_jobs_damaged_leaves_the_merged_tables_as_they_are(tmp_path: Path) -> None:
    folder = write(tmp_path, 0, a="ok", b="ok")
    before = gather(tmp_path).curves
    (folder / "runs.parquet").write_bytes(b"")
    tables = gather(tmp_path, skip_damaged=True)
    pd.testing.assert_frame_equal(tables.curves, before)
    assert len(tables.left_out) == 1


def test_failures_of_runs_that_nobody_asks_for_are_forgotten(tmp_path: Path) -> None:
    write(tmp_path, 0, a="ok", stale="failed", asked="failed")
    assert statuses(gather(tmp_path, planned={"asked"})) == {"a": "ok", "asked": "failed"}


def test_a_reader_finds_a_jobs_tables_at_every_moment_of_their_exchange(config: Config, tmp_path: Path) -> None:
    each = job(config, "0", 0, 1)
    folder, elsewhere = (tmp_path / name / "jobs" / "0" / "tables" for name in ("here", "elsewhere"))
    publish(folder, ok(each.runs[:1]), each.runs)
    publish(elsewhere, ok(each.runs), each.runs)
    following = folder.with_name(".tables.next")
    shutil.copytree(elsewhere, following)
    for path in [None, *folder.glob("*.parquet")]:  # the old ones vanish, file by file
        if path:
            path.unlink()
        assert finished_jobs(tmp_path / "here") == [following]
        assert len(gather(tmp_path / "here").runs) == 2
    complete(folder)
    assert finished_jobs(tmp_path / "here") == [folder]
    assert len(gather(tmp_path / "here").runs) == 2


def test_a_run_that_is_done_is_not_overwritten_by_a_failure(config: Config, tmp_path: Path) -> None:
    each = job(config, "0", 0, 1)
    folder = tmp_path / "jobs" / "0" / "tables"
    publish(folder, ok(each.runs), each.runs)
    late = ok(each.runs)
    late["runs"]["status"] = "failed"
    publish(folder, late, each.runs)
    assert set(gather(tmp_path).runs.status) == {"ok"}
