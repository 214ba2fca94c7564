"""The standard columns: which are there, in which order, and of which type."""

from __future__ import annotations

import pandas as pd

from harness.tables.columns import COLUMNS, CURVES, OUTCOMES, TABLES, column
from harness.tables.tables import Tables


def test_a_run_says_first_what_it_is_and_then_what_came_of_it() -> None:
    first = ["run_id", "experiment", "cell", "variant", "seq_len", "weight_scale", "seed", "hidden_size", "init"]
    assert COLUMNS["runs"][:9] == first
    assert COLUMNS["runs"][-1] == "job"
    assert all(len(set(names)) == len(names) for names in COLUMNS.values())


def test_outcomes_that_may_be_missing_are_told_by_their_type() -> None:
    known = {dtype: [each.name for each in OUTCOMES if each.dtype == dtype] for dtype in ("boolean", "Int64")}
    assert known["boolean"] == ["solved", "has_memory"]
    assert known["Int64"] == ["solved_step", "diverged_at", "steps", "parameters", "eval_samples"]


def test_curves_are_what_is_measured_at_every_evaluation() -> None:
    assert [name for name in COLUMNS["curves"] if name not in ("run_id", "step")] == CURVES
    assert {"loss", "accuracy", "grad_norm_weights"} <= set(CURVES)


def test_a_column_is_found_by_its_name() -> None:
    for table, columns in TABLES.items():
        assert [column(table, each.name) for each in columns] == list(columns)


def test_the_index_of_a_frame_is_no_column() -> None:
    frame = pd.DataFrame({"run_id": ["a", "b"], "loss": [0.5, 1.5]}, index=[7, 3])
    tables = Tables({"curves": frame})
    assert tables.scan("curves").schema.names == ["run_id", "loss"]
    assert tables.read("curves", ["loss"]).loss.tolist() == [0.5, 1.5]
