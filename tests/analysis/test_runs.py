"""Names, versions and families of runs, in tables of a few rows."""

from __future__ import annotations

import pandas as pd
import pytest

from harness.analysis.families import by_family, family_of, in_order, many, with_families
from harness.analysis.runs import shown_versions, varied_options, versions, with_names


def table(**columns: list[object]) -> pd.DataFrame:
    count = len(next(iter(columns.values())))
    usual = {
        "run_id": [str(row) for row in range(count)], "experiment": ["copy"] * count, "cell": ["rnn"] * count,
        "seq_len": [8] * count, "weight_scale": [1.0] * count, "seed": [*range(count)], "status": ["ok"] * count,
    }  # fmt: skip
    return pd.DataFrame({**usual, **columns})


def test_who_is_the_cell_with_its_variant_and_stays_what_it_is_called_already() -> None:
    assert with_names(table(cell=["rnn", "gru"])).who.tolist() == ["rnn", "gru"]
    named = with_names(table(cell=["rnn", "gru", "gru"], variant=["", "bias 1", None]))
    assert named.who.tolist() == ["rnn", "gru, bias 1", "gru"]
    assert with_names(named.assign(who="anybody")).who.tolist() == ["anybody"] * 3


def test_a_setting_that_some_runs_do_not_have_makes_a_version_of_these_too() -> None:
    runs = table(**{"train.clip_norm": [None, 0.5, None, 0.5], "seed": [0, 0, 1, 1]})
    found = {name: part.run_id.tolist() for name, part in versions(runs)}
    assert found == {"train.clip_norm=null": ["0", "2"], "train.clip_norm=0.5": ["1", "3"]}


def test_versions_of_several_experiments_begin_with_their_name_in_the_order_of_the_runs() -> None:
    runs = table(experiment=["parity", "copy", "copy"], **{"experiment.asked": ["end", "a", "b"]})
    assert [name for name, _ in versions(runs)] == ["parity", "copy, asked=a", "copy, asked=b"]
    assert [name for name, _ in versions(runs[:1])] == [""]
    assert varied_options(runs[1:]) == ["experiment.asked"]


def test_a_setting_that_goes_with_the_cell_alone_makes_no_version() -> None:
    runs = table(cell=["rnn", "gru"], **{"train.lr": [0.1, 0.2]})
    assert [name for name, _ in versions(runs)] == [""]
    both = table(cell=["rnn", "gru", "rnn"], **{"train.lr": [0.1, 0.2, 0.3]})
    assert [name for name, _ in versions(both)] == ["train.lr=0.1", "train.lr=0.2", "train.lr=0.3"]


@pytest.mark.parametrize("count", [6, 7])
def test_six_versions_are_told_of_one_by_one_and_of_more_some(count: int) -> None:
    runs = table(hidden_size=[*range(1, count + 1)], seed=[0] * count)
    shown, remark = shown_versions(runs)
    assert len(shown) == 6
    assert (shown[0][0], shown[-1][0]) == ("hidden_size=1", f"hidden_size={count}")
    assert bool(remark) == (count == 7)
    assert shown_versions(runs.assign(status="pruned")) == ([], "")


@pytest.mark.parametrize("count", [10, 11])
def test_ten_cells_are_told_of_one_by_one(count: int) -> None:
    assert many(table(cell=[f"cell{number}" for number in range(count)])) == (count == 11)


def test_where_nothing_is_said_of_memory_there_is_one_and_the_family_is_others() -> None:
    found = with_families(table(cell=["a", "b"]))
    assert (found.family.tolist(), found.has_memory.tolist()) == (["others"] * 2, [True] * 2)
    said = with_families(table(family=["gated", None, "controls"], has_memory=[None, True, False]))
    assert (said.family.tolist(), said.has_memory.tolist()) == (["gated", "others", "controls"], [True, True, False])


def test_cells_without_memory_come_first_then_families_then_names_by_their_numbers() -> None:
    runs = table(
        cell=["lstm", "lstm", "rnn", "none", "gru"], variant=["bias 10", "bias 2.5", "", "", ""],
        family=["gated", "gated", "classic", "zeros", "gated"], has_memory=[True, True, True, False, True],
    )  # fmt: skip
    assert in_order(runs) == ["none", "rnn", "gru", "lstm, bias 2.5", "lstm, bias 10"]
    assert list(family_of(runs).values()) == ["zeros", "classic", "gated", "gated", "gated"]
    assert by_family(with_names(runs)).who.tolist() == ["gated", "gated", "classic", "zeros", "gated"]
