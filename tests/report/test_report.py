"""The report: what it says, and that a browser shows it without help from anywhere."""

from __future__ import annotations

import json
import re
from html import escape
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import harness
from harness.analysis.sentences import findings
from harness.figures import Figure
from harness.plugins.registry import registry
from harness.report import __main__ as command
from harness.report import parts
from harness.report.build import build
from harness.report.glossary import glossary
from harness.report.overview import overview
from harness.report.pages import beginning, ending
from harness.report.run_table import columns_of
from harness.report.terminal import print_summary
from harness.tables.storage import write_tables
from harness.tables.tables import Tables
from tests.helpers.drawn import FIGURES
from tests.helpers.made_tables import made_tables
from tests.plugins.test_plugins import EXPERIMENT
from tests.report.conftest import PROVENANCE


@pytest.fixture
def pictures() -> None:
    """Who asks for it has a report of its own with pictures."""


@pytest.fixture(autouse=True)
def quickly(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """The report that tests share has pictures, rendered here and not in processes that take seconds to start."""
    if not {"built", "pictures"} & {*request.fixturenames}:
        request.getfixturevalue("empty_pictures")
    monkeypatch.setattr("harness.report.renderers.useful_processes", lambda panels: 0)


def html(directory: Path) -> str:
    return (directory / "report.html").read_text("utf-8")


def test_the_page_opens_with_a_headline_a_picture_and_three_findings_of_its_tables(built: Path) -> None:
    said = [
        "At 40 steps, lstm solves the task in every run",  # the headline
        "37 steps back, “红烧排骨” receives",  # the picture
        "As expected: “",
        "answers 100 % right",
        "1 of 55 runs failed",
    ]
    for text in (html(built), (built / "report.md").read_text("utf-8")):
        body = text.partition("<body>")[2] or text
        places = [body.index(each) for each in said]
        assert places == sorted(places)
        assert places[-1] < body.index("All findings")


def test_what_comes_after_is_folded(built: Path) -> None:
    page = html(built)
    folded = re.findall(r'<details class="part" id="([^"]+)">', page)
    assert folded == ["findings", "recall_dish", "runs", "words", "again"]
    assert page.index('<details class="part"') < page.index("<img")


def test_page_and_markdown_say_the_same(built: Path) -> None:
    page, markdown = html(built), (built / "report.md").read_text("utf-8")
    for sentence in findings(harness.load(built)):
        if "<" not in sentence:
            assert sentence in page
            assert sentence in markdown
    for figure in FIGURES:
        assert f"(figures/{figure}.png)" in markdown
        assert (built / "figures" / f"{figure}.png").exists()
    assert PROVENANCE["command"] in page
    assert str(PROVENANCE["command"]) in markdown
    assert "torch 2.13.0" in page


def test_the_page_needs_nothing_from_outside(built: Path) -> None:
    sources = re.findall(r'(?:src|href)="([^"]*)"', html(built))
    assert sources
    assert all(source.startswith(("data:", "#")) for source in sources)


def test_what_runs_say_is_text_and_not_markup(built: Path) -> None:
    page, markdown = html(built), (built / "report.md").read_text("utf-8")
    assert "<script>alert" not in page + markdown
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page
    assert "today I make &lt;b&gt;ribs&lt;/b&gt;" in page


def test_markdown_escapes_markup_and_nothing_else(tmp_path: Path) -> None:
    tables = made_tables(cells=("rnn",), lengths=(8,), scales=(1.0,), seeds=(0,), status="failed")
    build(tmp_path, Tables({**tables, "runs": tables.runs.assign(reason="KeyError: 'x' & \"<b>\"")}))
    assert "KeyError: 'x' &amp; \"&lt;b&gt;\"" in (tmp_path / "report.md").read_text("utf-8")


def test_page_and_markdown_explain_the_same_words(built: Path) -> None:
    page, markdown = html(built), (built / "report.md").read_text("utf-8")
    for term, text in glossary():
        assert f"<dt>{term}</dt>\n    <dd>{escape(text, quote=False)}</dd>" in page.replace("&#39;", "'")
        assert f"- **{term}**: {text}\n" in markdown
    assert {"loss", "solved", "horizon"} <= {term for term, _ in glossary()}


@pytest.mark.parametrize(
    ("text", "first", "last"),
    [
        ("fry the aubergine, then serve it", "fry the", "serve it"),
        ("今天我要做红烧排骨和辣子鸡然后再做一碗汤", "今天我要做红烧排骨和", "子鸡然后再做一碗汤"),
        ("a spacelesswordthatgoeson b", "a spaceles", "tgoeson b"),
    ],
)
def test_long_samples_are_cut_at_spaces_where_there_are_any(text: str, first: str, last: str) -> None:
    assert beginning(text, 10) == first
    assert ending(text, 9) == last


def test_every_run_is_in_the_table_and_only_settings_that_vary(built: Path) -> None:
    page = html(built)
    assert page.count("<tr class=") == 55
    assert page.count('<tr class="failed">') == 1
    heads = re.findall(r'<button type="button">([^<]+)</button>', page)
    assert heads[:4] == ["cell", "seq_len", "weight_scale", "seed"]
    assert "reason" in heads
    assert "hidden_size" not in heads


def test_an_option_that_stands_behind_the_outcomes_is_shown_where_it_varies() -> None:
    runs = made_tables(cells=("rnn", "lstm"), seeds=(0, 1)).runs
    lstm = runs.cell == "lstm"
    option = "cell.forget_bias"
    last = runs.drop(columns=option)  # as gathered tables have it: the first job did not know it
    assert option in columns_of(last.assign(**{option: runs.seed.where(lstm).astype(float)}))
    assert option not in columns_of(last.assign(**{option: np.where(lstm, 1.0, np.nan)}))


def test_the_overview_multiplies_only_what_is_a_product() -> None:
    runs = made_tables(cells=("rnn", "lstm"), lengths=(8,)).runs
    assert overview(runs) == "12 runs: 2 cells × 3 weight scales × 2 seeds"
    assert overview(runs.iloc[1:]) == "11 runs: 2 cells, 3 weight scales, 2 seeds"


def test_the_overview_counts_the_values_of_an_option_of_the_task() -> None:
    made = made_tables(cells=("rnn", "lstm"), lengths=(8,), scales=(1.0,)).runs
    runs = pd.concat([made.assign(**{"experiment.waits": waits}) for waits in (1, 2, 3)])
    assert overview(runs) == "12 runs: 2 cells × 2 seeds × 3 values of waits"


def test_the_terminal_names_weight_scales_and_guessing_only_where_there_are_such(
    capsys: pytest.CaptureFixture[str],
) -> None:
    print_summary(made_tables(), ())
    both = capsys.readouterr().out
    assert "accuracy by weight scale" in both
    assert "~ not above chance" in both
    print_summary(made_tables(cells=("rnn", "lstm"), lengths=(8,), scales=(1.0,)), ("it was [so]",))
    neither, _, finding = capsys.readouterr().out.partition("- ")
    assert finding == "it was [so]\n"
    assert "100 %" in neither
    assert "weight scale" not in neither
    assert "~" not in neither


def test_the_markdown_gives_the_command_as_it_was_typed(tmp_path: Path) -> None:
    command = "python -m harness -m 'cell=rnn,lstm'"
    (tmp_path / "provenance.json").write_text(json.dumps({"command": command}))
    build(tmp_path, made_tables(cells=("rnn",), lengths=(8,), scales=(1.0,), seeds=(0,)))
    assert f"    {command}\n" in (tmp_path / "report.md").read_text("utf-8")


def test_sentences_show_who_was_right(built: Path) -> None:
    page = html(built)
    cards = page[page.index("Some samples") :]
    assert re.search(r'class="right">✓</span>\s*lstm, scale 0.9<', cards)
    assert re.search(r'class="wrong">✗</span>\s*rnn, scale 0.9: 辣子鸡 spicy chicken<', cards)


@pytest.mark.usefixtures("pictures")
def test_rebuilding_changes_nothing_and_removes_stale_figures(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in FIGURES[2:]:  # two pictures are as good as all
        monkeypatch.setattr(registry().get("figure", name), "draw", lambda self, tables: None)
    write_tables(tmp_path / "jobs" / "0" / "tables", made_tables(lengths=(10,), scales=(0.9,)))
    assert command.main([str(tmp_path)]) == 0
    before = html(tmp_path)
    assert before.count("<img") == 2
    stale = tmp_path / "figures" / "old.png"
    stale.write_bytes(b"")
    assert command.main([str(tmp_path)]) == 0
    assert capsys.readouterr().out.splitlines()[-1] == str(tmp_path / "report.html")
    assert not stale.exists()
    assert html(tmp_path) == before


def test_a_figure_that_fails_is_a_note_and_not_the_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(self: Figure, tables: Tables) -> None:
        raise ValueError("no <ink> left")

    monkeypatch.setattr(registry().get("figure", "accuracy_map"), "draw", fail)
    page = build(tmp_path, made_tables(cells=("rnn",), lengths=(8,), seeds=(0,))).path.read_text("utf-8")
    assert "could not be drawn: ValueError: no &lt;ink&gt; left" in page
    assert "figure accuracy_map could not be drawn: ValueError: no <ink> left" in capsys.readouterr().err
    assert page.count("<img") == len(FIGURES) - 1


@pytest.mark.parametrize("changes", [{"status": "failed"}, {"cells": ("rnn",), "lengths": (8,), "steps": (0,)}])
def test_reports_of_hardly_anything_are_built(tmp_path: Path, changes: dict[str, Any]) -> None:
    path = build(tmp_path, made_tables(scales=(1.0,), seeds=(0,), **changes)).path
    assert "runs" in path.read_text("utf-8")


def test_a_figure_that_takes_a_table_that_is_too_large_whole_is_told_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_tables(tmp_path / "jobs" / "0" / "tables", dict(made_tables(cells=("rnn",), lengths=(8,), seeds=(0,))))
    monkeypatch.setattr(parts, "MOST_ROWS", 20)
    monkeypatch.setattr(registry().get("figure", "accuracy_map"), "draw", lambda self, tables: tables.gradients)
    assert command.main([str(tmp_path)]) == 0
    page = html(tmp_path)
    assert "gradients has 144 rows, too many at once; ask for a part with read() or scan()" in page
    assert page.count("could not be drawn") == 1


def test_several_experiments_have_a_section_and_figures_each(tmp_path: Path) -> None:
    one, two = made_tables(cells=("rnn",), lengths=(8,)), made_tables(cells=("lstm",), lengths=(9,), experiment="other")
    both = Tables({name: pd.concat([one[name], two[name]]) for name in one})
    page = build(tmp_path, both).path.read_text("utf-8")
    assert 'id="recall_dish">' in page
    assert 'id="other">' in page
    assert (tmp_path / "figures" / "accuracy_map-other.svg").exists()


def test_versions_of_a_task_have_pictures_and_samples_each_and_a_claim_in_common(tmp_path: Path) -> None:
    made = [made_tables(cells=("rnn", "lstm"), lengths=(8,), seeds=(seed,)) for seed in (0, 1)]
    option = "experiment.n_dishes"
    apart = [Tables({**each, "runs": each.runs.assign(**{option: n})}) for each, n in zip(made, (4, 8), strict=True)]
    both = Tables({name: pd.concat([each[name] for each in apart], ignore_index=True) for name in made[0]})
    page = build(tmp_path, both).path.read_text("utf-8")
    for mark in ("n_dishes_4", "n_dishes_8"):
        assert (tmp_path / "figures" / f"accuracy_map-{mark}.svg").exists()
        assert f"(figures/accuracy_map-{mark}.png)" in (tmp_path / "report.md").read_text("utf-8")
    assert (tmp_path / "figures" / "accuracy_by_option.svg").exists()
    samples = page[page.index("Some samples") : page.index("<img")]
    assert "n_dishes=4" in samples
    assert "n_dishes=8" in samples
    assert page.count("What was expected") == 1


def test_a_report_runs_no_code_that_results_name_unless_the_user_names_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out, file = tmp_path / "out", tmp_path / "out" / "mine.py"
    made = made_tables(cells=("rnn",), lengths=(8,), seeds=(0,), experiment="mine")
    write_tables(out / "jobs" / "0" / "tables", dict(made))
    run = tmp_path / "has_run"
    file.write_text(EXPERIMENT.format(name="mine") + f"\nopen({str(run)!r}, 'w').close()\n")
    (out / "provenance.json").write_text(json.dumps({"plugin_files": {str(file): ""}}))
    assert command.main([str(out)]) == 0
    (line,) = capsys.readouterr().err.strip().splitlines()
    assert line.startswith("left out: the claims of mine")
    assert "plugins=[FILE" in line
    assert "the claims of mine" in html(out)
    assert "It can be done." not in html(out)
    harness.load(out)
    assert not run.exists()
    try:
        assert command.main([str(out), f"plugins=[{file}]"]) == 0
        assert run.exists()
        assert "It can be done." in html(out)
        assert capsys.readouterr().err == ""
    finally:
        registry.cache_clear()


@pytest.mark.parametrize("there", ["file", "nothing"])
def test_what_is_no_results_directory_is_named_in_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], there: str
) -> None:
    path = tmp_path / "results"
    if there == "file":
        path.write_text("")
    assert command.main([str(path)]) == 1
    (line,) = capsys.readouterr().err.strip().splitlines()
    assert str(path) in line
    assert "valid: a results directory" in line


def test_names_from_elsewhere_stay_within_the_directory(tmp_path: Path) -> None:
    out = tmp_path / "a" / "b" / "out"
    names = ("../../../x", "plain")
    for number, name in enumerate(names):
        made = made_tables(cells=("rnn",), lengths=(8,), seeds=(0,), experiment=name)
        tables = {key: made[key].assign(run_id=f"run{number}") for key in made}
        write_tables(out / "jobs" / str(number) / "tables", tables)
    assert command.main([str(out)]) == 0
    written = [path.relative_to(tmp_path) for path in tmp_path.rglob("*") if path.is_file()]
    assert {path.parts[:3] for path in written} == {("a", "b", "out")}


def test_a_figure_of_one_experiment_sees_only_its_rows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for number, experiment in enumerate(("recall_dish", "other")):
        made = made_tables(cells=("rnn",), lengths=(8 + number,), seeds=(0,), experiment=experiment)
        write_tables(tmp_path / "jobs" / str(number) / "tables", dict(made))
    seen = []

    def draw(self: Figure, tables: Tables) -> None:
        parts = tables.read("gradients", ["run_id", "lag"], [("step", "==", 0)])
        seen.append((set(tables.runs.run_id), set(tables.gradients.run_id), set(parts.run_id), parts.lag.max()))

    monkeypatch.setattr(registry().get("figure", "accuracy_map"), "draw", draw)
    assert command.main([str(tmp_path)]) == 0
    (one, *_), (two, *_) = seen
    assert [each[1:3] for each in seen] == [(one, one), (two, two)]
    assert [each[3] for each in seen] == [7, 8]
    assert not one & two


def test_a_directory_without_results_is_one_line_and_damage_is_left_out(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert command.main([str(tmp_path)]) == 1
    assert "no results here" in capsys.readouterr().err
    write_tables(tmp_path / "jobs" / "0" / "tables", dict(made_tables(cells=("rnn",), lengths=(8,))))
    write_tables(tmp_path / "jobs" / "1" / "tables", dict(made_tables(cells=("gru",), lengths=(8,))))
    damaged = tmp_path / "jobs" / "0" / "tables" / "curves.parquet"
    damaged.write_bytes(b"PAR1")
    assert command.main([str(tmp_path)]) == 0
    error = capsys.readouterr().err
    assert len(error.strip().splitlines()) == 1
    assert f"left out: {damaged}: damaged" in error
    assert harness.load(tmp_path).runs.cell.unique().tolist() == ["gru"]
    for text in (html(tmp_path), (tmp_path / "report.md").read_text("utf-8")):
        assert "jobs/0/tables/curves.parquet: damaged table" in text


def test_a_directory_with_nothing_but_damage_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_tables(tmp_path / "jobs" / "0" / "tables", dict(made_tables(cells=("rnn",), lengths=(8,))))
    (tmp_path / "jobs" / "0" / "tables" / "curves.parquet").write_bytes(b"PAR1")
    assert command.main([str(tmp_path)]) == 1
    error = capsys.readouterr().err
    assert len(error.strip().splitlines()) == 1
    assert "curves.parquet: damaged" in error
    assert list(tmp_path.iterdir()) == [tmp_path / "jobs"]
