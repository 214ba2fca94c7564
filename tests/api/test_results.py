"""Results in Python: several sweeps together, plots in the sweep's order, figures, findings, the report."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest
from matplotlib.text import Text

import harness
from harness.api.results import Results
from harness.base.errors import UserError
from harness.report.short_tables import ShortTable
from harness.settings.members import members
from harness.tables.gather import gather
from harness.tables.jobs import publish
from harness.tables.tables import Tables
from harness.training.pack import run
from harness.training.rows import failed
from tests.conftest import Config


@pytest.fixture(scope="module")
def sweeps(tmp_path_factory: pytest.TempPathFactory, config: Config) -> list[Path]:
    """Two sweeps: the second has another cell, one run of the first, and one that has failed in the first."""
    tmp_path = tmp_path_factory.mktemp("sweeps")
    one = members(config(cell="rnn", seed=[3, 1], train={"steps": 2}, probe={"every": 2}))
    two = members(config(cell="lstm", seed=[3], train={"steps": 2}, probe={"every": 2}))
    lost = members(config(cell="gru", seed=[0], train={"steps": 2}, probe={"every": 2}))
    for place, runs in (("a", [*one]), ("b", [*two, *lost])):
        publish(tmp_path / place / "jobs" / "0" / "tables", run(runs[:1]), runs)
    publish(tmp_path / "a" / "jobs" / "1" / "tables", run(one[1:]), one)
    publish(tmp_path / "a" / "jobs" / "2" / "tables", failed(lost, "no oven"), lost)
    publish(tmp_path / "b" / "jobs" / "1" / "tables", run(lost), lost)
    publish(tmp_path / "b" / "jobs" / "2" / "tables", run(one[:1]), one)
    for place in ("a", "b"):
        gather(tmp_path / place)
    return [tmp_path / "a", tmp_path / "b"]


def test_several_sweeps_are_one_with_each_run_once(sweeps: list[Path]) -> None:
    together, first = harness.load(*sweeps), harness.load(sweeps[0])
    assert together.runs[["cell", "seed", "status"]].to_numpy().tolist() == [
        ["rnn", 3, "ok"],
        ["rnn", 1, "ok"],
        ["lstm", 3, "ok"],
        ["gru", 0, "ok"],
    ]
    own = together.gradients[together.gradients.run_id.isin(first.gradients.run_id)]
    assert own.grad_norm.tolist() == first.gradients.grad_norm.tolist()
    assert together.curves.run_id.nunique() == 4
    thrice = harness.load(*sweeps, sweeps[0])
    assert {name: thrice.rows(name) for name in thrice} == {name: together.rows(name) for name in together}
    twice = harness.load(sweeps[0], sweeps[0])  # of which the second adds nothing
    assert {name: twice.rows(name) for name in twice} == {name: first.rows(name) for name in first}


def test_texts_beside_a_table_are_categories_in_the_order_of_the_sweep(sweeps: list[Path]) -> None:
    found = harness.load(*sweeps).with_settings("curves", ["cell", "seed"])
    assert found.cell.cat.categories.tolist() == ["rnn", "lstm", "gru"]
    assert found.cell.cat.ordered
    assert found.groupby("seed", observed=True).size().to_dict() == {0: 2, 1: 2, 3: 4}


def test_a_figure_can_be_drawn(sweeps: list[Path]) -> None:
    found = harness.load(sweeps[0])
    axes = found.figure("gradient_profile_init").axes
    assert any(axis.lines for axis in axes)
    assert not (sweeps[0] / "report.html").exists()
    for wrong, said in [(("nosuch",), "unknown figure"), (("gates",), "nothing that it could show")]:
        with pytest.raises(UserError, match=said):
            found.figure(*wrong)


@pytest.mark.usefixtures("empty_pictures")
def test_the_report_of_one_sweep_is_found(sweeps: list[Path]) -> None:
    assert harness.load(sweeps[0]).report().read_text("utf-8").count("<img") > 2
    with pytest.raises(UserError, match="each has its own report"):
        harness.load(*sweeps).report()
    with pytest.raises(UserError, match="a directory is missing"):
        harness.load()


def test_a_report_that_is_there_is_built_again_only_in_a_language_that_is_asked_for(
    sweeps: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    built = []
    monkeypatch.setattr("harness.report.build.build", lambda *given: built.append(given[::2]))
    found = Results(harness.load(sweeps[0]), [tmp_path])
    path = tmp_path / "report.html"
    assert found.report() == path
    path.touch()
    assert found.report() == path
    assert found.report(language="zh") == path
    assert built == [(tmp_path, None), (tmp_path, "zh")]


def test_results_are_compared_with_those_after_a_change_by_the_names_of_their_directories(sweeps: list[Path]) -> None:
    before, after = map(harness.load, sweeps)
    found = before.compare(after)
    assert found.names == (str(sweeps[0]), str(sweeps[1]))
    assert [name.split(",")[0] for name in found.conditions.condition] == ["rnn", "gru"]
    assert (found.conditions.failed_before.tolist(), found.conditions.failed_after.tolist()) == ([0, 1], [0, 0])
    assert before.compare(Tables({"runs": after.runs})).names == (str(sweeps[0]), "after")


def test_of_several_experiments_a_figure_is_of_the_one_that_is_named(sweeps: list[Path]) -> None:
    one, other = (harness.load(each) for each in sweeps)
    runs = [each.runs.assign(experiment=name) for each, name in ((one, "recall_dish"), (other, "copy"))]
    ids = [set(each.run_id) for each in runs]
    runs[1] = runs[1][~runs[1].run_id.isin(ids[0])]
    tables = harness.load(*sweeps)
    both = Results(Tables({**tables, "runs": pd.concat(runs)}), one.directories)
    for asked in ({}, {"experiment": "dish"}):
        with pytest.raises(UserError, match=r"unknown experiment.*valid: (copy, recall_dish|recall_dish, copy)"):
            both.figure("gradient_profile_init", **asked)
    drawn = [both.figure("gradient_profile_init", experiment=name) for name in ("recall_dish", "copy")]
    said = [" ".join(text.get_text() for text in figure.findobj(Text)) for figure in drawn]
    assert ["rnn" in words for words in said] == [True, False]
    assert ["lstm" in words for words in said] == [False, True]


def test_what_could_not_be_merged_is_remembered(sweeps: list[Path]) -> None:
    tables = harness.load(sweeps[0])
    damaged = Tables({name: tables.scan(name) for name in tables}, left_out=["jobs/3: no oven"])
    assert Results(damaged, []).left_out == ["jobs/3: no oven"]


def test_a_notebook_shows_a_title_and_a_caption_where_there_is_one(
    sweeps: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    found = harness.load(sweeps[0])
    made = ShortTable("of <b>", ["cell"], [[["rnn"]]], ""), ShortTable("", ["cell"], [[["gru"]]], "by & by")
    monkeypatch.setattr("harness.api.results.short_tables", lambda tables: made)
    page = found._repr_html_()
    one, other = ("<table><thead><tr><th>cell</th></tr></thead><tbody><tr><td>" + cell for cell in ("rnn", "gru"))
    end = "</td></tr></tbody></table>"
    assert f"</p><p>of &lt;b&gt;</p>{one}{end}{other}{end}<p>by &amp; by</p><ul>" in page


def test_a_notebook_shows_the_findings(sweeps: list[Path]) -> None:
    found = harness.load(sweeps[0])
    page = found._repr_html_()
    assert "<b>3 runs</b>" in page
    assert "<tr><th>cell</th><th>steps</th><th>accuracy</th></tr>" in page
    assert "<tr><td>rnn</td><td>8</td><td>" in page
    assert all(sentence.split()[0] in page for sentence in found.findings)
    assert len(found.findings) > 2
    assert repr(found).startswith("Results(curves: 4 rows")
