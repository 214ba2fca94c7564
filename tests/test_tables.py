from __future__ import annotations

from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import harness
from harness.errors import UserError
from harness.gather import gather
from harness.tables import read_table, write_atomically, write_tables


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
    with pytest.raises(UserError, match=r"runs\.parquet: table format none, this version reads format 1"):
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
