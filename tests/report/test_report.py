"""The report: what it says, and that a browser shows it without help from anywhere."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Iterator
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
from harness.report import build, judging, run_table, terminal
from harness.report.glossary import WORDS
from harness.tables.storage import write_tables
from harness.tables.tables import Tables
from tests.helpers.made_tables import made_tables
from tests.plugins.test_plugins import EXPERIMENT

PROVENANCE = {
    "command": "python -m harness -m +study=dish",
    "started": "2026-01-31T12:00:00+00:00",
    "study": "dish",
    "versions": {"harness": "0.1.0", "torch": "2.13.0"},
    "machine": {"system": "Linux", "cores": 2},
}

FIGURES = [
    plugin.name
    for plugin in registry().of_kind("figure")
    if not (plugin.target.probes or plugin.target.experiments or plugin.name == "accuracy_by_option")
]
"""Those that draw the standard tables of any experiment."""


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A report of made tables, with one failed run of a hostile reason."""
    directory = tmp_path_factory.mktemp("report")
    good = made_tables()
    failed = made_tables(cells=("rnn",), lengths=(99,), scales=(1.0,), seeds=(0,), status="failed")
    tables = Tables({name: pd.concat([good[name], failed[name]]).reset_index(drop=True) for name in good})
    write_tables(directory / "jobs" / "0" / "tables", tables)
    (directory / "provenance.json").write_text(json.dumps(PROVENANCE))
    assert command.main([str(directory)]) == 0
    return directory


def html(directory: Path) -> str:
    return (directory / "report.html").read_text("utf-8")


def test_the_page_opens_with_the_findings_of_its_tables(built: Path) -> None:
    page = html(built)
    claim = page.index("As expected: “")
    first = page.index("At 40 steps, lstm at weight scale 0.9 answers 100 % right")
    assert claim < first < page.index("<img")
    assert "1 of 55 runs failed" in page


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
    build.build(tmp_path, Tables({**tables, "runs": tables.runs.assign(reason="KeyError: 'x' & \"<b>\"")}))
    assert "KeyError: 'x' &amp; \"&lt;b&gt;\"" in (tmp_path / "report.md").read_text("utf-8")


def test_page_and_markdown_explain_the_same_words(built: Path) -> None:
    page, markdown = html(built), (built / "report.md").read_text("utf-8")
    for term, text in WORDS:
        assert f"<dt>{term}</dt>\n    <dd>{escape(text, quote=False)}</dd>" in page.replace("&#39;", "'")
        assert f"- **{term}**: {text}\n" in markdown
    assert {"loss", "solved", "horizon"} <= {term for term, _ in WORDS}


@pytest.mark.parametrize(
    ("text", "beginning", "ending"),
    [
        ("fry the aubergine, then serve it", "fry the", "serve it"),
        ("今天我要做红烧排骨和辣子鸡然后再做一碗汤", "今天我要做红烧排骨和", "子鸡然后再做一碗汤"),
        ("a spacelesswordthatgoeson b", "a spaceles", "tgoeson b"),
    ],
)
def test_long_samples_are_cut_at_spaces_where_there_are_any(text: str, beginning: str, ending: str) -> None:
    assert build._beginning(text, 10) == beginning
    assert build._ending(text, 9) == ending


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
    assert option in run_table._columns(last.assign(**{option: runs.seed.where(lstm).astype(float)}))
    assert option not in run_table._columns(last.assign(**{option: np.where(lstm, 1.0, np.nan)}))


def test_the_overview_multiplies_only_what_is_a_product() -> None:
    runs = made_tables(cells=("rnn", "lstm"), lengths=(8,)).runs
    assert build._overview(runs) == "12 runs: 2 cells × 3 weight scales × 2 seeds"
    assert build._overview(runs.iloc[1:]) == "11 runs: 2 cells, 3 weight scales, 2 seeds"


def test_the_overview_counts_the_values_of_an_option_of_the_task() -> None:
    made = made_tables(cells=("rnn", "lstm"), lengths=(8,), scales=(1.0,)).runs
    runs = pd.concat([made.assign(**{"experiment.waits": waits}) for waits in (1, 2, 3)])
    assert build._overview(runs) == "12 runs: 2 cells × 2 seeds × 3 values of waits"


def test_the_terminal_names_weight_scales_and_guessing_only_where_there_are_such(
    capsys: pytest.CaptureFixture[str],
) -> None:
    terminal.print_summary(made_tables())
    both = capsys.readouterr().out
    assert "accuracy by weight scale" in both
    assert "~ not above chance" in both
    terminal.print_summary(made_tables(cells=("rnn", "lstm"), lengths=(8,), scales=(1.0,)))
    neither = capsys.readouterr().out.partition("- ")[0]
    assert "100 %" in neither
    assert "weight scale" not in neither
    assert "~" not in neither


def test_the_markdown_gives_the_command_as_it_was_typed(tmp_path: Path) -> None:
    command = "python -m harness -m 'cell=rnn,lstm'"
    (tmp_path / "provenance.json").write_text(json.dumps({"command": command}))
    build.build(tmp_path, made_tables(cells=("rnn",), lengths=(8,), scales=(1.0,), seeds=(0,)))
    assert f"    {command}\n" in (tmp_path / "report.md").read_text("utf-8")


def test_sentences_show_who_was_right(built: Path) -> None:
    page = html(built)
    cards = page[page.index("Some samples") :]
    assert re.search(r'class="right">✓</span>\s*lstm, scale 0.9<', cards)
    assert re.search(r'class="wrong">✗</span>\s*rnn, scale 0.9: 辣子鸡 spicy chicken<', cards)


def test_rebuilding_changes_nothing_and_removes_stale_figures(built: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = html(built)
    stale = built / "figures" / "old.png"
    stale.write_bytes(b"")
    assert command.main([str(built)]) == 0
    assert capsys.readouterr().out.splitlines()[-1] == str(built / "report.html")
    assert not stale.exists()
    assert html(built) == before


def test_a_figure_that_fails_is_a_note_and_not_the_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(self: Figure, tables: Tables) -> None:
        raise ValueError("no <ink> left")

    monkeypatch.setattr(registry().get("figure", "accuracy_map"), "draw", fail)
    page = build.build(tmp_path, made_tables(cells=("rnn",), lengths=(8,), seeds=(0,))).read_text("utf-8")
    assert "could not be drawn: ValueError: no &lt;ink&gt; left" in page
    assert "figure accuracy_map could not be drawn: ValueError: no <ink> left" in capsys.readouterr().err
    assert page.count("<img") == len(FIGURES) - 1


@pytest.mark.parametrize("changes", [{"status": "failed"}, {"cells": ("rnn",), "lengths": (8,), "steps": (0,)}])
def test_reports_of_hardly_anything_are_built(tmp_path: Path, changes: dict[str, Any]) -> None:
    path = build.build(tmp_path, made_tables(scales=(1.0,), seeds=(0,), **changes))
    assert "runs" in path.read_text("utf-8")


def test_a_figure_that_takes_a_table_that_is_too_large_whole_is_told_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_tables(tmp_path / "jobs" / "0" / "tables", dict(made_tables(cells=("rnn",), lengths=(8,), seeds=(0,))))
    monkeypatch.setattr(judging, "MOST_ROWS", 20)
    monkeypatch.setattr(registry().get("figure", "accuracy_map"), "draw", lambda self, tables: tables.gradients)
    assert command.main([str(tmp_path)]) == 0
    page = html(tmp_path)
    assert "gradients has 144 rows, too many at once; ask for a part with read() or scan()" in page
    assert page.count("could not be drawn") == 1


def test_several_experiments_have_a_section_and_figures_each(tmp_path: Path) -> None:
    one, two = made_tables(cells=("rnn",), lengths=(8,)), made_tables(cells=("lstm",), lengths=(9,), experiment="other")
    both = Tables({name: pd.concat([one[name], two[name]]) for name in one})
    page = build.build(tmp_path, both).read_text("utf-8")
    assert '<h2 id="recall_dish">' in page
    assert '<h2 id="other">' in page
    assert (tmp_path / "figures" / "accuracy_map-other.svg").exists()


def test_versions_of_a_task_have_pictures_and_samples_each_and_a_claim_in_common(tmp_path: Path) -> None:
    made = [made_tables(cells=("rnn", "lstm"), lengths=(8,), seeds=(seed,)) for seed in (0, 1)]
    option = "experiment.n_dishes"
    apart = [Tables({**each, "runs": each.runs.assign(**{option: n})}) for each, n in zip(made, (4, 8), strict=True)]
    both = Tables({name: pd.concat([each[name] for each in apart], ignore_index=True) for name in made[0]})
    page = build.build(tmp_path, both).read_text("utf-8")
    for mark in ("n_dishes_4", "n_dishes_8"):
        assert (tmp_path / "figures" / f"accuracy_map-{mark}.svg").exists()
        assert f"(figures/accuracy_map-{mark}.png)" in (tmp_path / "report.md").read_text("utf-8")
    assert (tmp_path / "figures" / "accuracy_by_option.svg").exists()
    samples = page[page.index("Some samples") : page.index("<img")]
    assert "n_dishes=4" in samples
    assert "n_dishes=8" in samples
    assert page.count("What was expected") == 1


def test_a_report_is_rebuilt_with_the_plugin_files_that_it_was_made_with(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "mine.py"
    file.write_text(EXPERIMENT.format(name="mine"))
    made = made_tables(cells=("rnn",), lengths=(8,), seeds=(0,), experiment="mine")
    write_tables(tmp_path / "out" / "jobs" / "0" / "tables", dict(made))
    (tmp_path / "out" / "provenance.json").write_text(json.dumps({"plugin_files": [str(file)]}))
    try:
        assert command.main([str(tmp_path / "out")]) == 0
        assert "It can be done." in html(tmp_path / "out")
    finally:
        registry.cache_clear()
    file.unlink()
    assert command.main([str(tmp_path / "out")]) == 0
    assert f"left out: the claims and figures of {file}" in capsys.readouterr().err
    assert "It can be done." not in html(tmp_path / "out")


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


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """Headless Chromium that logs its console and every request."""
    chromium, driver = shutil.which("chromium"), shutil.which("chromedriver")
    if not chromium or not driver:
        pytest.skip("needs chromium and chromedriver (on Debian: apt-get install chromium chromium-driver)")
    from selenium import webdriver

    options = webdriver.ChromeOptions()
    options.binary_location = chromium
    for flag in ("headless", "no-sandbox", "disable-gpu", "disable-background-networking", "no-first-run"):
        options.add_argument(f"--{flag}")
    options.add_argument(f"--user-data-dir={tmp_path_factory.mktemp('profile')}")
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    found = webdriver.Chrome(options=options, service=webdriver.ChromeService(driver))
    yield found
    found.quit()


@pytest.mark.slow
def test_chromium_shows_the_page_whole_without_errors_or_requests(built: Path, browser: Any) -> None:
    url = (built / "report.html").as_uri()
    browser.get(url)
    assert browser.get_log("browser") == []
    events = [json.loads(entry["message"])["message"] for entry in browser.get_log("performance")]
    asked = {each["params"]["request"]["url"] for each in events if each["method"] == "Network.requestWillBeSent"}
    # The browser's own start page asks for chrome: resources.
    assert {each for each in asked if not each.startswith(("data:", "chrome:"))} == {url}
    sizes = browser.execute_script("return [...document.images].map(image => [image.complete, image.naturalWidth])")
    assert len(sizes) == len(FIGURES)
    assert all(complete and width > 0 for complete, width in sizes)


@pytest.mark.slow
def test_pictures_have_type_of_the_size_of_the_text_or_the_width_of_the_column(built: Path, browser: Any) -> None:
    browser.set_window_size(1200, 1000)
    browser.get((built / "report.html").as_uri())
    widths = "return [...document.querySelectorAll('figure img')].map(image => [image.width, image.naturalWidth,"
    found = browser.execute_script(widths + "image.closest('figure').clientWidth])")
    assert len(found) == len(FIGURES)
    for width, natural, column in found:
        # Type of 10 points is 13.3 pixels by itself, and 16 here.
        assert width == pytest.approx(min(1.2 * natural, column), abs=2)
    assert any(width < column for width, _, column in found)


@pytest.mark.slow
def test_clicking_a_head_sorts_the_runs(built: Path, browser: Any) -> None:
    browser.get((built / "report.html").as_uri())
    heads = browser.find_elements("css selector", "#all-runs th button")
    names = [head.text for head in heads]
    column = names.index("accuracy")
    shown = f"return [...document.querySelectorAll('#all-runs tbody tr')].map(row => row.cells[{column}].innerText)"
    for order in (sorted, lambda values: sorted(values, reverse=True)):
        heads[column].click()
        values = browser.execute_script(shown)
        assert values[-1] == "–"  # the failed run has none and comes last, either way
        numbers = [float(value) for value in values[:-1]]
        assert numbers == order(numbers)
    assert (
        browser.execute_script(f"return document.querySelectorAll('#all-runs th')[{column}].ariaSort") == "descending"
    )


@pytest.mark.slow
def test_the_page_fits_a_phone(built: Path, browser: Any) -> None:
    phone = {"width": 390, "height": 844, "deviceScaleFactor": 2, "mobile": True}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", phone)
    browser.get((built / "report.html").as_uri())
    assert browser.execute_script("return document.documentElement.scrollWidth") <= 390
    browser.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})


@pytest.mark.slow
def test_paper_shows_the_page_whole(built: Path, browser: Any) -> None:
    paper = {"width": 718, "height": 1000, "deviceScaleFactor": 1, "mobile": False}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", paper)
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": "print"})
    browser.get((built / "report.html").as_uri())
    boxes = "return [...document.querySelectorAll('.wide, .scroll')].map(box => [box.scrollWidth, box.clientWidth,"
    found = browser.execute_script(boxes + "box.scrollHeight, box.clientHeight])")
    assert found
    for width, shown_width, height, shown_height in found:
        assert (width, height) == (shown_width, shown_height)
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": ""})
    browser.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})
