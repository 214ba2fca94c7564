"""The tables of single jobs: their order, their joining, and what stays of them when they are written again."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from harness.base.errors import UserError
from harness.tables.gather import gather, load
from harness.tables.jobs import complete, current, finished_jobs, joined, natural, publish, renamed
from harness.tables.schemas import as_frame, common, of_schema, union
from harness.tables.storage import encoding, opened, read_table, write_table, write_tables
from harness.tables.varied import differ, settings_of, variants, varied


@dataclass(frozen=True)
class Run:
    run_id: str


ORDER = [Run(name) for name in "abcd"]


def frames(**status: str) -> dict[str, pd.DataFrame]:
    """Tables of runs with these endings; every curve row says how its run ended there."""
    return {
        "runs": pd.DataFrame({"run_id": list(status), "status": list(status.values())}),
        "curves": pd.DataFrame({"run_id": [name for name in status for _ in range(2)], "step": [0, 1] * len(status),
                                "said": [value for value in status.values() for _ in range(2)]}),
    }  # fmt: skip


def written(folder: Path) -> dict[str, str]:
    runs, curves = read_table(folder / "runs.parquet"), read_table(folder / "curves.parquet")
    assert list(dict.fromkeys(curves.run_id)) == runs.run_id.tolist()
    assert curves.groupby("run_id").step.agg(list).tolist() == [[0, 1]] * len(runs)
    assert curves.groupby("run_id", sort=False).said.first().tolist() == runs.status.tolist()
    return dict(zip(runs.run_id, runs.status, strict=True))


def test_tables_of_a_job_are_completed_run_by_run_in_the_jobs_order(tmp_path: Path) -> None:
    folder = tmp_path / "jobs" / "7" / "tables"
    publish(folder, frames(c="failed", a="ok"), ORDER)
    assert written(folder) == {"c": "failed", "a": "ok"}
    publish(folder, frames(d="ok", b="diverged"), ORDER)
    assert list(written(folder).items()) == [("a", "ok"), ("b", "diverged"), ("c", "failed"), ("d", "ok")]
    publish(folder, frames(c="ok", b="failed", a="diverged"), ORDER)
    # What failed is replaced, what was finished is not by a failure, but by another ending.
    assert list(written(folder).items()) == [("a", "diverged"), ("b", "diverged"), ("c", "ok"), ("d", "ok")]
    assert set(read_table(folder / "runs.parquet").job) == {"7"}
    assert [path.name for path in folder.parent.iterdir()] == ["tables"]


def test_what_a_killed_process_had_half_written_is_no_table(tmp_path: Path) -> None:
    folder = tmp_path / "jobs" / "0" / "tables"
    publish(folder, frames(a="ok"), ORDER)
    half = folder.with_name(".tables.next")
    write_table(half / "curves.parquet", frames(b="ok")["curves"])  # without the table of runs, which comes last
    assert current(folder) == folder
    complete(folder)
    assert written(folder) == {"a": "ok"}
    publish(folder, frames(c="ok"), ORDER)
    assert written(folder) == {"a": "ok", "c": "ok"}
    assert not half.exists()


def test_a_table_that_a_killed_process_has_left_does_not_slip_in_among_those_of_another(tmp_path: Path) -> None:
    folder = tmp_path / "jobs" / "0" / "tables"
    half = folder.with_name(".tables.next")
    write_table(half / "gates.parquet", pd.DataFrame({"run_id": ["b"]}))
    publish(folder, frames(a="ok"), ORDER)
    assert {path.stem for path in folder.iterdir()} == {"runs", "curves"}
    write_table(half / "gates.parquet", pd.DataFrame({"run_id": ["b"]}))
    renamed(folder, {"a": "A"}, {})
    assert {path.stem for path in folder.iterdir()} == {"runs", "curves"}
    assert not half.exists()


def test_the_table_of_runs_is_written_when_all_others_are(tmp_path: Path) -> None:
    for name in ("curves", "samples"):
        folder = tmp_path / name
        (folder / f"{name}.parquet").mkdir(parents=True)  # in the way
        with pytest.raises(OSError, match=f"{name}.parquet"):
            write_tables(folder, {**frames(a="ok"), "samples": pd.DataFrame({"run_id": ["a"]})})
        assert not (folder / "runs.parquet").exists()


def test_a_disk_that_takes_no_more_leaves_the_tables_that_are_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "jobs" / "0" / "tables"
    publish(folder, frames(a="ok"), ORDER)

    def full(*arguments: object) -> None:
        folder.with_name(".tables.next").mkdir()
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr("harness.tables.jobs.write_tables", full)
        with pytest.raises(OSError, match="No space"):
            publish(folder, frames(b="ok"), ORDER)
    assert written(folder) == {"a": "ok"}
    assert not folder.with_name(".tables.next").exists()


def test_jobs_stand_in_the_order_of_their_numbers_and_others_behind(tmp_path: Path) -> None:
    assert sorted(["10", "old", "9", "0", "a"], key=natural) == ["0", "9", "10", "a", "old"]
    for name in ("10", "9", "x", "empty"):
        (tmp_path / "jobs" / name).mkdir(parents=True)
        if name != "empty":
            write_tables(tmp_path / "jobs" / name / "tables", frames(a="ok"))
    assert [folder.parent.name for folder in finished_jobs(tmp_path)] == ["9", "10", "x"]
    assert finished_jobs(tmp_path / "nowhere") == []


def test_runs_get_other_names_and_new_settings_in_all_tables(tmp_path: Path) -> None:
    folder = tmp_path / "jobs" / "0" / "tables"
    tables = frames(a="ok", b="ok", c="ok")
    tables["runs"]["depth"] = [1, 2, 3]
    write_tables(folder, tables)
    renamed(folder, {"x": "y"}, {})
    assert set(read_table(folder / "runs.parquet").run_id) == {"a", "b", "c"}
    renamed(folder, {"a": "A", "b": "B", "x": "y"}, {"A": {"width": 5, "depth": 9}, "B": {"width": 6}})
    runs, curves = read_table(folder / "runs.parquet"), read_table(folder / "curves.parquet")
    assert runs.run_id.tolist() == ["A", "B", "c"]
    assert curves.run_id.tolist() == ["A", "A", "B", "B", "c", "c"]
    assert runs.width.tolist()[:2] == [5, 6]
    assert pd.isna(runs.width.iloc[2])
    assert runs.depth.tolist() == [9, 2, 3]


def test_settings_that_are_new_stand_in_the_order_of_their_names(tmp_path: Path) -> None:
    folder, names = tmp_path / "jobs" / "0" / "tables", ["e", "a", "d", "f", "b", "c", "g"]
    write_tables(folder, frames(a="ok", b="ok"))
    renamed(folder, {"a": "A"}, {"A": dict.fromkeys(names[3:], 1), "b": dict.fromkeys(names[:4], 2)})
    assert list(read_table(folder / "runs.parquet")) == ["run_id", "status", *sorted(names)]


def test_the_index_of_a_frame_is_no_column_of_its_table(tmp_path: Path) -> None:
    frame = pd.DataFrame({"run_id": ["a", "b"]}, index=pd.Index(["x", "y"], name="place"))
    write_table(tmp_path / "runs.parquet", frame)
    assert pq.read_schema(tmp_path / "runs.parquet").names == ["run_id"]
    found = read_table(tmp_path / "runs.parquet")
    assert (list(found), found.index.tolist()) == (["run_id"], [0, 1])


def test_an_empty_table_knows_nothing_of_types_and_gives_none() -> None:
    empty, full = pd.DataFrame({"a": [], "b": []}), pd.DataFrame({"a": [1], "b": ["x"]})
    found = joined([{"t": empty, "only": empty}, {"t": full}, {"t": full, "more": full}])
    assert found["t"].dtypes.tolist() == full.dtypes.tolist()
    assert found["t"].to_numpy().tolist() == [[1, "x"]] * 2
    assert found["t"].index.tolist() == [0, 1]
    assert (len(found["only"]), len(found["more"])) == (0, 1)


@pytest.mark.parametrize(
    ("one", "other", "both"),
    [
        (pa.int64(), pa.int64(), pa.int64()),
        (pa.int64(), pa.float64(), pa.float64()),
        (pa.null(), pa.bool_(), pa.bool_()),
        (pa.int64(), pa.string(), pa.string()),
        (pa.bool_(), pa.int64(), pa.string()),
    ],
)
def test_two_types_have_one_that_holds_both(one: pa.DataType, other: pa.DataType, both: pa.DataType) -> None:
    assert common(one, other) == common(other, one) == both


def test_tables_take_the_columns_of_all(tmp_path: Path) -> None:
    first = pa.table({"a": [1, 2], "b": [0.5, 1.5]})
    second = pa.table({"c": [True], "a": ["x"], "b": pa.array([None], pa.float64())})
    schema = union([first.schema, second.schema])
    assert schema.names == ["a", "b", "c"]
    assert schema.types == [pa.string(), pa.float64(), pa.bool_()]
    assert of_schema(first, schema).to_pydict() == {"a": ["1", "2"], "b": [0.5, 1.5], "c": [None, None]}
    assert of_schema(second, schema).to_pydict() == {"a": ["x"], "b": [None], "c": [True]}
    assert of_schema(first, first.schema) is first


def test_tables_that_differ_in_pandas_notes_alone_take_those_of_all() -> None:
    plain = pa.table({"a": pa.array([1, None], pa.int64())})
    noted = pa.Table.from_pandas(pd.DataFrame({"a": pd.array([3, 4], dtype="Int64")}), preserve_index=False)
    for pair in ((plain, noted), (noted, plain)):
        schema = union([each.schema for each in pair])
        assert b"Int64" in schema.metadata[b"pandas"]
        for table in pair:
            found = of_schema(table, schema)
            assert found.schema.equals(schema, check_metadata=True)
            assert found.to_pydict() == table.to_pydict()


def test_whole_numbers_and_booleans_stay_what_they_are_where_some_are_missing() -> None:
    table = pa.table({"i": [1, None], "b": [None, True], "f": [0.5, None], "n": [1, 2], "s": ["x", None]})
    found = as_frame(table)
    assert [str(kind) for kind in found.dtypes[:4]] == ["Int64", "boolean", "float64", "int64"]
    assert found.i.tolist() == [1, pd.NA]
    assert found.b.tolist() == [pd.NA, True]


def test_pandas_own_types_come_back_through_a_file_and_through_merging(tmp_path: Path) -> None:
    frame = pd.DataFrame({"i": pd.array([1, 2], dtype="Int64"), "b": pd.array([True, None], dtype="boolean")})
    write_table(tmp_path / "t.parquet", frame)
    pd.testing.assert_frame_equal(read_table(tmp_path / "t.parquet"), frame)
    one, two = (pa.Table.from_pandas(each, preserve_index=False) for each in (frame, frame.rename(columns={"b": "c"})))
    schema = union([one.schema, two.schema])
    merged = as_frame(pa.concat_tables([of_schema(one, schema), of_schema(two, schema)]))
    assert [str(kind) for kind in merged.dtypes] == ["Int64", "boolean", "boolean"]


def test_measured_numbers_are_stored_without_dictionaries(tmp_path: Path) -> None:
    schema = pa.schema([("run_id", pa.string()), ("step", pa.int64()), ("norm", pa.float64())])
    assert encoding(schema) == {"compression": "zstd", "use_dictionary": ["run_id", "step"]}


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    path = tmp_path / "runs.parquet"
    with pytest.raises(UserError, match=r"runs\.parquet: no such table"):
        read_table(path)
    path.write_bytes(b"nothing")
    with pytest.raises(UserError, match=r"runs\.parquet: damaged table, not readable as parquet"):
        read_table(path)
    pq.write_table(pa.table({"a": [1]}), path)
    with pytest.raises(UserError, match="table format none, this version reads format 3"):
        read_table(path)
    write_table(path, pd.DataFrame({"a": [1]}))
    with pytest.raises(UserError, match="damaged table"), opened(path):
        raise OSError("gone")


def runs(**columns: object) -> pd.DataFrame:
    made = pd.DataFrame(
        {
            "run_id": list("abcd"), "experiment": "copy", "cell": ["rnn", "rnn", "lstm", "lstm"], "variant": "",
            "seed": [0, 1, 0, 1], "status": "ok", "accuracy": [0.1, 0.2, 0.3, 0.4],
        }
    )  # fmt: skip
    return made.assign(**columns)


def test_settings_are_what_is_neither_a_name_nor_an_outcome() -> None:
    assert settings_of(runs()) == ["experiment", "cell", "seed"]


def test_what_varies_is_what_differs_and_options_differ_within_their_own_kind() -> None:
    table = runs(**{"train.lr": 0.1, "cell.bias": [None, None, 1.0, 1.0], "cell.size": [1.0, 2.0, None, None]})
    assert varied(table) == ["cell", "seed", "cell.size"]
    assert varied(table.assign(**{"train.lr": [0.1, 0.1, 0.1, None]})) == ["cell", "seed", "train.lr", "cell.size"]
    assert varied(table.assign(variant=["", "x", "", ""])) == ["cell", "variant", "seed", "cell.size"]
    assert differ(table, ["cell", "seed", "train.lr"], within=["cell"]) == ["seed"]
    assert differ(table, ["cell.bias"], within=["experiment"]) == ["cell.bias"]


def test_variants_are_named_within_each_cell_of_each_experiment() -> None:
    table = runs(**{"cell.bias": [1.0, 3.0, 1.0, 1.0], "cell.kind": ["a", "b", "a", "b"]})
    assert variants(table).tolist() == ["bias 1, kind a", "bias 3, kind b", "kind a", "kind b"]
    apart = table.assign(experiment=["copy", "dyck", "copy", "dyck"])
    assert variants(apart).tolist() == [""] * 4
    assert variants(table.assign(**{"cell.bias": [np.nan, 3.0, 1.0, 1.0]})).tolist()[:2] == [
        "bias null, kind a", "bias 3, kind b",
    ]  # fmt: skip


def test_merged_tables_have_the_columns_of_runs_as_csv_and_are_looked_at_before_they_are_given(tmp_path: Path) -> None:
    write_tables(tmp_path / "jobs" / "0" / "tables", frames(a="ok", b="ok"))
    tables = gather(tmp_path)
    assert pd.read_csv(tmp_path / "tables" / "runs.csv").columns.tolist() == list(tables.runs)
    (tmp_path / "tables" / "curves.parquet").write_bytes(b"nothing")
    with pytest.raises(UserError, match=r"tables/curves\.parquet: damaged table"):
        load(tmp_path)


def test_merged_tables_in_which_nothing_is_finished_add_nothing(tmp_path: Path) -> None:
    write_tables(tmp_path / "jobs" / "0" / "tables", frames(a="failed", b="failed"))
    gather(tmp_path)
    assert gather(tmp_path, planned={"a"}).runs.run_id.tolist() == ["a"]
