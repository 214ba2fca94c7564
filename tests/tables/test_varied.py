"""What tells the runs of a sweep apart: null, lists, numbers of many digits, options of one of several cells."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from pydantic import Field

import harness
from harness.base.errors import UserError
from harness.cells.classic.rnn import RNN
from harness.cells.gated.lstm import LSTM
from harness.experiment import Experiment
from harness.experiments.copy import Copy
from harness.settings.settings import Settings
from harness.tables.storage import write_tables
from harness.tables.tables import Tables
from harness.tables.varied import as_typed, namer, options_that_differ, varied
from harness.training.rows import runs_table
from tests.helpers.made_tables import made_tables


class Optional(Copy):
    """A task with options of many kinds."""

    name = "optional"
    limit: int | None = Field(None)
    lags: list[int] = Field([1])
    kind_of: int | str = Field(1)


def written(directory: Path, *jobs: list[Settings]) -> Tables:
    """The tables of jobs with these runs, gathered."""
    for number, runs in enumerate(jobs):
        outcomes: list[dict[str, Any]] = [{"status": "ok", "accuracy": 0.5} for _ in runs]
        write_tables(directory / "jobs" / str(number) / "tables", {"runs": runs_table(runs, outcomes)})
    return harness.load(directory)


def run(experiment: Experiment, **settings: Any) -> Settings:
    return Settings(**{"experiment": experiment, "cell": RNN(), "seq_len": 30, **settings})


@pytest.mark.parametrize("one_job", [True, False])
def test_whole_numbers_beside_null_stay_whole_and_lists_are_text(tmp_path: Path, one_job: bool) -> None:
    runs = [run(Optional(limit=limit, lags=lags)) for limit, lags in ((None, [1, 3]), (3, [2]), (4, [2]))]
    tables = written(tmp_path, *([runs] if one_job else [[each] for each in runs]))
    limits = tables.runs["experiment.limit"]
    assert [None if pd.isna(each) else each for each in limits] == [None, 3, 4]
    assert [as_typed(each) for each in limits] == ["null", "3", "4"]
    assert [json.loads(each) for each in tables.runs["experiment.lags"]] == [[1, 3], [2], [2]]
    assert "3.0" not in (tmp_path / "tables" / "runs.csv").read_text()


def test_values_of_several_kinds_are_text(tmp_path: Path) -> None:
    tables = written(tmp_path, [run(Optional(kind_of=each)) for each in (1, "a", 2)])
    assert tables.runs["experiment.kind_of"].tolist() == ["1", "a", "2"]


def test_variants_name_the_options_that_tell_runs_of_a_cell_apart(tmp_path: Path) -> None:
    biases = [run(Copy(), cell=LSTM(forget_bias=bias)) for bias in (0.0, 3.0)]
    tables = written(tmp_path, biases, [run(Copy())])
    assert tables.runs.variant.tolist() == ["forget_bias 0", "forget_bias 3", ""]
    alone = written(tmp_path / "alone", biases[:1], [run(Copy())])
    assert alone.runs.variant.tolist() == ["", ""]


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.6000000000000001, "0.6000000000000001"), (0.6, "0.6"), (3.0, "3"), (1e-9, "1e-09"), (1.0000001, "1.0000001"),
     (float("inf"), "inf"), (None, "null"), (float("nan"), "null"), (pd.NA, "null"), ("a b", "a b"), (True, "True")],
)  # fmt: skip
def test_values_are_written_so_that_no_two_look_alike(value: object, text: str) -> None:
    assert as_typed(value) == text


def test_settings_stand_beside_the_rows_of_any_table() -> None:
    tables = made_tables(cells=("rnn", "lstm"), lengths=(5,), scales=(0.9, 1.1), seeds=(0,))
    found = tables.with_settings("gradients", ["cell", "weight_scale"])
    assert found.columns[:3].tolist() == ["run_id", "cell", "weight_scale"]
    assert len(found) == len(tables.gradients)
    by_run = tables.runs.set_index("run_id").weight_scale
    assert (found.weight_scale == found.run_id.map(by_run)).all()
    # Not named, they are those that differ: the cell and its weight scale, in these runs.
    part = tables.with_settings("curves", columns=["step"], filters=[("step", "==", 0)])
    assert part.columns.tolist() == ["run_id", "cell", "weight_scale", "step"]
    assert len(part) == len(tables.runs)


def test_a_table_or_setting_that_there_is_not_is_refused_in_one_line() -> None:
    tables = made_tables(cells=("rnn",), lengths=(5,), scales=(0.9,), seeds=(0,))
    for arguments in (("gradient", ["cell"]), ("runs", ["cell"]), ("curves", ["sel"]), ("curves", ["accuracy"])):
        with pytest.raises(UserError, match="valid: "):
            tables.with_settings(*arguments)
    wide = Tables({**tables, "curves": tables.curves.assign(cell="rnn", seed=0)})
    with pytest.raises(UserError, match=r"^'seed' is a column of curves, too; valid: columns="):
        wide.with_settings("curves", ["weight_scale", "seed", "cell"])


def test_of_options_that_go_together_value_for_value_the_first_tells_runs_apart() -> None:
    runs = pd.DataFrame({"experiment": "dataset", "cell": "rnn", "experiment.path": ["/a.npz", "/a.npz", "/b.npz"]})
    assert options_that_differ(runs.assign(**{"experiment.content": ["0", "0", "1"]})) == ["experiment.path"]
    changed = runs.assign(**{"experiment.content": ["0", "1", "2"]})  # the first file is another one since
    assert options_that_differ(changed) == ["experiment.path", "experiment.content"]
    assert varied(changed) == ["experiment.path", "experiment.content"]
    assert varied(runs.assign(**{"experiment.content": ["0", "0", "1"]})) == ["experiment.path"]


def test_paths_are_called_by_what_is_behind_the_folder_that_they_share() -> None:
    paths = pd.Series(["/data/mine/a.npz", "/data/b.npz", None])
    assert [namer(paths)(each) for each in paths] == ["mine/a.npz", "b.npz", "null"]
    assert namer(paths[:1])("/data/mine/a.npz") == "a.npz"
    assert [namer(pd.Series([0.5, 1.0]))(each) for each in (0.5, 1.0)] == ["0.5", "1"]
