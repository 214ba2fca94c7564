"""What one plays with holds what the tables say, of any sweep, and no more than a page has room for."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest

from harness.report.explorer import explorer, trajectories
from harness.tables import Tables
from tests.helpers.explorer_page import WORDS, condition, data_of, explored_tables
from tests.helpers.made_tables import made_tables


def html(tables: Tables) -> str:
    found = explorer(tables)
    assert found is not None
    return found


def test_the_page_holds_every_gradient_and_accuracy_of_the_tables() -> None:
    tables = explored_tables()
    data = data_of(html(tables))
    seen = 0
    for run in tables.runs.itertuples():
        wanted = {"who": run.cell, "seq_len": str(run.seq_len), "weight_scale": f"{run.weight_scale:g}"}
        (own,) = [each for each in condition(data, **wanted)["runs"] if each["seed"] == str(run.seed)]
        rows = tables.transport[(tables.transport.run_id == run.run_id) & (tables.transport.layer == 1)]
        with np.errstate(divide="ignore"):
            there = np.log10(rows.pivot(index="step", columns="lag", values="grad_norm"))
        assert own["steps"] == there.index.tolist()
        assert own["lags"] == there.columns.tolist()
        np.testing.assert_allclose(own["gradient"], there, rtol=1e-6)
        known = tables.curves[tables.curves.run_id == run.run_id].accuracy
        np.testing.assert_allclose(own["accuracy"], known, rtol=1e-6)
        seen += 1
    assert seen == 36
    assert "Of each run at most" not in html(tables)


def test_one_chooses_among_the_settings_that_the_sweep_varies() -> None:
    made = made_tables(cells=("rnn", "lstm"), lengths=(8,), scales=(1.0,), seeds=(0, 1))
    runs = pd.concat([made.runs, made.runs.assign(run_id=made.runs.run_id + "x", **{"train.lr": 0.5})])
    copied = {
        name: pd.concat([made[name], made[name].assign(run_id=made[name].run_id + "x")], ignore_index=True)
        for name in made
        if name != "runs"
    }
    settings = data_of(html(Tables({"runs": runs, **copied})))["settings"]
    assert [each["key"] for each in settings] == ["who", "train.lr"]
    assert settings[0]["options"] == ["rnn", "lstm"]
    assert settings[1]["options"][-1] == "0.5"


def test_the_remembering_cell_is_shown_first_and_the_forgetting_one_beside_it() -> None:
    data = data_of(html(made_tables()))
    first, beside = (data["conditions"][data[key]] for key in ("shown", "beside"))
    names, lengths = (data["settings"][place]["options"] for place in (0, 1))
    assert (names[first["at"][0]], names[beside["at"][0]], lengths[first["at"][1]]) == ("lstm", "rnn", "40")
    assert first["at"][1:] == beside["at"][1:]


@pytest.mark.parametrize(
    ("changes", "conditions"),
    [
        ({"cells": ("lstm",), "lengths": (8,), "scales": (1.0,), "seeds": (0,), "steps": (0,)}, 1),
        ({"cells": ("feedforward",), "lengths": (8,), "scales": (1.0,), "seeds": (0,)}, 1),
        ({"status": "diverged"}, 27),
    ],
)
def test_any_sweep_has_something_to_play_with(changes: dict[str, Any], conditions: int) -> None:
    assert len(data_of(html(made_tables(**changes)))["conditions"]) == conditions


@pytest.mark.parametrize(
    "change",
    [
        lambda tables: made_tables(cells=("rnn",), lengths=(8,), scales=(1.0,), seeds=(0,), status="failed"),
        lambda tables: Tables({**tables, "transport": tables.transport.head(0)}),
        lambda tables: Tables({"runs": tables.runs}),
    ],
    ids=["failed", "no rows", "no table"],
)
def test_where_no_gradient_was_measured_there_is_nothing(change: Callable[[Tables], Tables]) -> None:
    assert explorer(change(made_tables(cells=("rnn",), lengths=(8,), scales=(1.0,), seeds=(0,)))) is None


def test_of_several_layers_it_is_the_top_one() -> None:
    made = made_tables(cells=("rnn",), lengths=(8,), scales=(1.0,), seeds=(0,))
    top = made.transport[made.transport.layer == 1].assign(layer=2, grad_norm=0.5)
    both = {**made, "runs": made.runs.assign(num_layers=2), "transport": pd.concat([made.transport, top])}
    (own,) = data_of(html(Tables(both)))["conditions"][0]["runs"]
    np.testing.assert_allclose(own["gradient"], np.log10(0.5), rtol=1e-6)


def test_without_scripts_the_sample_stands_there_with_a_bar_for_each_cell() -> None:
    tables = made_tables(lengths=(8,), scales=(0.1, 1.0), seeds=(0,), accuracy=lambda cell, *_: float(cell == "lstm"))
    still = html(tables).split('class="words"')[1].split("</div>")[0]
    heights = re.findall(r"height: (\d+)%", still)
    assert len(heights) == 2 * 8
    # At weight scale 0.1 each step back is one power of ten: from a full bar at the answer to none at a millionth.
    assert heights[::2] == ["0", "0", "17", "33", "50", "67", "83", "100"]
    assert re.findall(r"</span>([^<\s]+)<span class=\"gloss\">", still)[2] == "红烧排骨："
    assert 'class="controls live" hidden' in html(tables)


def test_a_probe_that_tells_what_each_answer_depends_on_brings_its_own_sample() -> None:
    tables = explored_tables()
    data = data_of(html(tables))
    own = condition(data, who="lstm", seq_len="8", weight_scale="0.9")
    assert data["sentences"][own["sentence"]]["words"] == WORDS
    assert own["dependence"]["answers"] == [8]
    assert own["dependence"]["steps"] == [0, 10, 20]
    other = condition(data, who="lstm", seq_len="12", weight_scale="0.9")
    assert "dependence" not in other
    assert data["sentences"][other["sentence"]]["right"] == "红烧排骨 braised ribs"
    assert other["answered"] == ["红烧排骨 braised ribs", True]


def test_of_a_sweep_that_is_too_large_less_is_kept_and_the_page_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    tables = made_tables(cells=("rnn",), lengths=(40,), scales=(1.0,), seeds=range(10), steps=range(30))
    monkeypatch.setattr(trajectories, "MOST_VALUES", 2000)
    page = html(tables)
    (own,) = data_of(page)["conditions"]
    assert len(own["runs"]) == 10
    for run in own["runs"]:
        assert len(run["steps"]) * len(run["lags"]) <= 200
        assert [run["steps"][0], run["steps"][-1]] == [0, 29]
        assert [run["lags"][0], run["lags"][-1]] == [0, 39]
    assert "Of each run at most 6 moments of the training and 24 steps are shown." in page
    monkeypatch.setattr(trajectories, "MOST_VALUES", 100)
    assert "Shown are 2 of 10 runs." in html(tables)


def test_texts_from_tables_end_no_script_and_make_no_markup() -> None:
    evil = "</script><script>alert(1)</script><!--'\"&\u2028"
    made = made_tables(cells=("rnn", "lstm"), lengths=(8,), scales=(1.0,), seeds=(0,))
    runs = made.runs.assign(cell=[evil, "lstm"], experiment=["a", evil])
    samples = made.samples.assign(words="\n".join([evil] * 8), glosses="", expected=evil, answered=evil)
    page = html(Tables({**made, "runs": runs, "samples": samples}))
    assert "<script>alert" not in page
    assert page.count("</script>") == 2
    data = data_of(page)
    assert data["sentences"][0]["words"][0] == evil
    assert evil in data["settings"][0]["options"]
