"""What is told apart, and what is never pooled."""

from __future__ import annotations

import pandas as pd

from harness.analysis import finished, shown_versions, versions
from harness.analysis.conditions import by_condition, summary
from harness.analysis.sentences import findings
from harness.report.overview import overview
from harness.tables.tables import Tables
from tests.helpers.made_tables import made_tables


def doubled(key: str, values: tuple[object, object], accuracies: tuple[float, float]) -> pd.DataFrame:
    """Runs of an rnn, each there twice, with two values of a setting and two accuracies."""
    runs = made_tables(cells=("rnn",), lengths=(20,), scales=(1.0,)).runs
    halves = [
        runs.assign(**{key: pd.Series([value] * len(runs), dtype=object)}, accuracy=right, solved=right > 0.95)
        for value, right in zip(values, accuracies, strict=True)
    ]
    return pd.concat(halves, ignore_index=True)


def test_variants_of_a_cell_are_conditions_of_their_own() -> None:
    runs = doubled("variant", ("forget_bias 1", "forget_bias 3"), (1.0, 0.3))
    groups = by_condition(runs).set_index("who")
    assert groups.solved.to_dict() == {"rnn, forget_bias 1": 1.0, "rnn, forget_bias 3": 0.0}
    said = " ".join(findings(Tables({"runs": runs})))
    assert "rnn, forget_bias 1 solves the task in every run" in said
    assert "rnn, forget_bias 3 solves the task in none of its runs" in said
    assert {who for who, _ in summary(runs).index} == set(groups.index)
    assert "2 variants of cells" in overview(runs)


def test_any_other_setting_that_varies_within_a_condition_makes_versions() -> None:
    for key, values in (
        ("hidden_size", (8, 64)),
        ("init", ("orthogonal", "uniform")),
        ("train.clip_norm", (None, 1e-9)),
    ):
        runs = doubled(key, values, (1.0, 0.3))
        found = dict(versions(runs))
        assert [each.accuracy.unique().tolist() for each in found.values()] == [[1.0], [0.3]]
        assert [each.split("=")[0] for each in found] == [key, key]
    assert list(found) == ["train.clip_norm=null", "train.clip_norm=1e-09"]
    assert any(each.startswith("train.clip_norm=null: ") for each in findings(Tables({"runs": runs})))


def test_settings_that_only_go_with_the_cell_pool_nothing_and_make_no_versions() -> None:
    runs = made_tables(cells=("rnn", "lstm"), lengths=(20,), scales=(1.0,)).runs
    tuned = runs.assign(**{"train.lr": runs.cell.map({"rnn": 0.01, "lstm": 0.003})})
    assert [version for version, _ in versions(tuned)] == [""]


def test_too_many_versions_are_not_merged_but_said_to_be_left_out() -> None:
    runs = made_tables(cells=("rnn",), lengths=(20,), scales=(1.0,)).runs
    many = pd.concat([runs.assign(hidden_size=size) for size in range(1, 11)], ignore_index=True)
    shown, remark = shown_versions(finished(many))
    assert [version for version, _ in shown] == [f"hidden_size={size}" for size in (1, 3, 5, 6, 8, 10)]
    assert "Of 10 versions, 6 are told of" in remark
    assert findings(Tables({"runs": many}))[-1] == remark
