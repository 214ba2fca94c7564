from __future__ import annotations

from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import harness
from harness.base.errors import UserError
from harness.base.files import write_atomically
from harness.tables.gather import gather
from harness.tables.storage import read_table, write_tables


def job(directory: Path, number: int, ids: list[str]) -> None:
    write_tables(
        directory / "jobs" / str(number) / "tables",
        {
            "runs": pd.DataFrame({"run_id": ids, "job": str(number)}),
            "curves": pd.DataFrame({"run_id": ids, "step": 0}),
        },
    )


def test_gathering_merges_jobs_in_the_order_of_their_numbers_and_keeps_each_run_once(tmp_path: Path) -> None:
    job(tmp_path, 10, ["c", "a"])
    job(tmp_path, 2, ["a", "b"])
    tables = gather(tmp_path)
    assert tables.runs.run_id.tolist() == ["a", "b", "c"]
    assert tables["curves"].run_id.tolist() == ["a", "b", "c"]
    pd.testing.assert_frame_equal(harness.load(tmp_path).runs, tables.runs)
    assert pd.read_csv(tmp_path / "tables" / "runs.csv").run_id.tolist() == ["a", "b", "c"]


def test_a_run_that_has_failed_in_one_job_is_taken_from_another(tmp_path: Path) -> None:
    for number, (a, b) in enumerate([("failed", "failed"), ("ok", "failed"), ("ok", "ok")]):
        runs = pd.DataFrame({"run_id": ["a", "b"], "status": [a, b], "job": str(number)})
        curves = pd.DataFrame({"run_id": ["a", "b"], "step": number})
        write_tables(tmp_path / "jobs" / str(number) / "tables", {"runs": runs, "curves": curves})
    tables = gather(tmp_path)
    assert tables.runs[["run_id", "job"]].to_numpy().tolist() == [["a", "1"], ["b", "2"]]
    assert tables.curves.to_numpy().tolist() == [["a", 1], ["b", 2]]


def test_a_run_that_was_pruned_in_one_job_is_taken_from_another_that_has_finished_it(tmp_path: Path) -> None:
    for number, statuses in enumerate([("failed", "pruned"), ("pruned", "failed"), ("failed", "diverged")]):
        runs = pd.DataFrame({"run_id": ["a", "b"], "status": statuses, "job": str(number)})
        write_tables(tmp_path / "jobs" / str(number) / "tables", {"runs": runs})
    assert gather(tmp_path).runs[["run_id", "job"]].to_numpy().tolist() == [["a", "1"], ["b", "2"]]


def test_columns_of_all_jobs_are_kept_with_their_types_and_settings_stand_before_outcomes(tmp_path: Path) -> None:
    frames = [
        pd.DataFrame({"run_id": ["a"], "cell": "rnn", "status": "ok", "reason": None, "diverged_at": [None]}),
        pd.DataFrame({"run_id": ["b"], "cell": "lstm", "cell.forget_bias": 1, "status": "ok", "diverged_at": [3]}),
        pd.DataFrame({"run_id": ["c"], "cell": "own", "cell.forget_bias": "high", "status": "x", "reason": "no"}),
    ]
    for number, frame in enumerate(frames):
        if "diverged_at" in frame:
            frame["diverged_at"] = frame.diverged_at.astype("Int64")
        extra = {"spectrum": pd.DataFrame({"run_id": ["b"], "value": [0.5]})} if number == 1 else {}
        write_tables(tmp_path / "jobs" / str(number) / "tables", {"runs": frame, **extra})
    tables = gather(tmp_path)
    assert list(tables.runs) == ["run_id", "cell", "cell.forget_bias", "status", "reason", "diverged_at"]
    assert tables.runs.dtypes["diverged_at"] == "Int64"
    assert tables.runs.diverged_at.isna().tolist() == [True, False, True]
    assert tables.runs["cell.forget_bias"].fillna("").tolist() == ["", "1", "high"]
    assert tables.runs.reason.fillna("").tolist() == ["", "", "no"]
    assert tables["spectrum"].run_id.tolist() == ["b"]


def test_gathering_in_small_pieces_gives_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("harness.tables.survey.ROWS_AT_ONCE", 5)
    monkeypatch.setattr("harness.tables.survey.PIECES_AT_ONCE", 2)
    for number in range(9):
        job(tmp_path, number, [f"{number}{letter}" for letter in "abc"])
    tables = gather(tmp_path)
    expected = [f"{number}{letter}" for number in range(9) for letter in "abc"]
    assert tables.runs.run_id.tolist() == expected
    assert tables.curves.run_id.tolist() == expected


def test_damage_that_shows_only_inside_leaves_the_job_out_of_all_tables(tmp_path: Path) -> None:
    for number, name in enumerate("abc"):
        job(tmp_path, number, [name] * 50)
    path = tmp_path / "jobs" / "1" / "tables" / "curves.parquet"
    data = bytearray(path.read_bytes())
    data[4:60] = bytes(56)  # pages; the head of the file is at its end
    path.write_bytes(data)
    tables = gather(tmp_path, skip_damaged=True)
    assert set(tables.runs.run_id) == set(tables.curves.run_id) == {"a", "c"}
    assert len(tables.left_out) == 1
    assert tables.left_out[0].startswith(f"{path}: damaged table")
    with pytest.raises(UserError, match=r"jobs/1/tables/curves\.parquet: damaged"):
        gather(tmp_path)
    assert set(harness.load(tmp_path).runs.run_id) == {"a", "c"}
    assert {each.name for each in tmp_path.iterdir()} == {"jobs", "tables"}


def test_some_columns_and_rows_are_read_from_files_and_from_frames(tmp_path: Path) -> None:
    job(tmp_path, 0, ["a", "b"])
    for tables in (gather(tmp_path), harness.Tables(dict(gather(tmp_path)))):
        frame = tables.read("curves", ["step", "run_id"], [("run_id", "==", "b")])
        assert frame.to_dict("list") == {"step": [0], "run_id": ["b"]}
        assert tables.scan("curves").count_rows() == tables.rows("curves") == 2
        assert repr(tables) == "Tables(curves: 2 rows, runs: 2 rows)"


def test_of_a_table_without_rows_none_are_read_whatever_is_asked_for(tmp_path: Path) -> None:
    write_tables(
        tmp_path / "tables", {"runs": pd.DataFrame({"run_id": ["a"]}), "samples": pd.DataFrame({"run_id": []})}
    )
    tables = harness.load(tmp_path)
    assert tables.read("samples", filters=[("run_id", "in", ["a"])]).empty


def test_a_table_that_is_too_large_as_a_whole_is_refused_and_comes_in_parts(tmp_path: Path) -> None:
    job(tmp_path, 0, ["a", "b"])
    tables = gather(tmp_path).limited(1)
    with pytest.raises(UserError, match="curves has 2 rows, too many at once"):
        _ = tables.curves
    assert tables.read("curves", ["run_id"]).run_id.tolist() == ["a", "b"]


def test_loading_gathers_jobs_that_nobody_has_merged_yet(tmp_path: Path) -> None:
    job(tmp_path, 0, ["a"])
    assert len(harness.load(tmp_path).runs) == 1


def test_no_results_damage_and_other_formats_are_named(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no results here"):
        harness.load(tmp_path)
    job(tmp_path, 0, ["a"])
    path = tmp_path / "jobs" / "0" / "tables" / "runs.parquet"
    path.write_bytes(path.read_bytes()[:40])
    with pytest.raises(UserError, match=r"runs\.parquet: damaged"):
        harness.load(tmp_path)
    pq.write_table(pa.table({"run_id": ["a"]}), path)
    with pytest.raises(UserError, match=r"runs\.parquet: table format none, this version reads format 3"):
        read_table(path)


def test_a_write_that_fails_leaves_the_old_file_and_no_debris(tmp_path: Path) -> None:
    path = tmp_path / "file.txt"
    path.write_text("old")

    def fail(temporary: Path) -> None:
        temporary.write_text("half")
        raise OSError("disk full")

    with pytest.raises(OSError, match="disk full"):
        write_atomically(path, fail)
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_tables_are_reached_by_attribute_and_by_name() -> None:
    tables = harness.Tables({"runs": pd.DataFrame({"run_id": ["a"]})})
    assert tables.runs is tables["runs"]
    assert list(tables) == ["runs"]
    with pytest.raises(AttributeError):
        _ = tables.curves
