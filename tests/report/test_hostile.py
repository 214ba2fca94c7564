"""Reports of tables that come from elsewhere: whatever they hold, page and files keep to themselves."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from markdown_it import MarkdownIt

from harness.plugins.registry import registry
from harness.report import __main__ as command
from harness.report.pages import LONGEST
from harness.tables.storage import write_tables
from tests.helpers.made_tables import made_tables

LONG = "<b>" + "x" * 3_000_000

SECONDS = 60
"""Far more than a report of a few runs takes, far less than one that does what a hostile number says."""


def results(directory: Path, change: Callable[[dict[str, pd.DataFrame]], Any] = lambda tables: None) -> Path:
    """A results directory of two runs, as somebody has changed it."""
    tables = dict(made_tables(cells=("rnn", "lstm"), lengths=(8,), scales=(1.0,), seeds=(0,)))
    change(tables)
    write_tables(directory / "jobs" / "0" / "tables", tables)
    return directory


def of_runs(**columns: Any) -> Callable[[dict[str, pd.DataFrame]], None]:
    def change(tables: dict[str, pd.DataFrame]) -> None:
        tables["runs"] = tables["runs"].assign(**columns)

    return change


def of_samples(**columns: Any) -> Callable[[dict[str, pd.DataFrame]], None]:
    def change(tables: dict[str, pd.DataFrame]) -> None:
        tables["samples"] = tables["samples"].assign(**columns)

    return change


HOSTILE = {
    "long texts of samples": of_samples(text=LONG, translation=LONG, expected=LONG, answered=LONG),
    "long reasons": of_runs(status=["ok", "failed"], reason=LONG),
    "long names of cells": of_runs(cell=["rnn", LONG]),
    "long names of tasks": of_runs(experiment=LONG),
    "long settings": of_runs(**{"experiment.sizes": [LONG, "2"]}),
    "long variants": of_runs(variant=[LONG, ""]),
    "numbers as texts": of_runs(accuracy="0.5", loss="none", seed="zero"),
    "texts as numbers": of_runs(cell=[1, 2], experiment=3.5, status=0),
    "lengths beyond all": of_runs(seq_len=[1, 1 << 62]),
    "weight scales beyond all": of_runs(weight_scale=[1e308, -1e308]),
    "nothing known": of_runs(accuracy=np.nan, chance=np.nan, loss=np.inf, decay_rate=np.nan, decay_rate_init=np.nan),
    "terminal codes": of_runs(experiment="\x1b[2J\x1b]0;owned\x07"),
    "markup": of_runs(experiment="</h2><script>alert(1)</script>", cell=["<img src=x onerror=alert(1)>", '"><b>']),
    "lags beyond all": lambda tables: tables.update(transport=tables["transport"].assign(lag=1 << 60)),
    "no settings": lambda tables: tables.update(runs=tables["runs"][["run_id", "status"]]),
    "a run twice": lambda tables: tables.update(runs=pd.concat([tables["runs"]] * 2)),
}


@pytest.fixture
def without_pictures(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pictures take seconds."""
    monkeypatch.setattr("harness.report.build.draw_all", lambda directory, wanted: [])


@pytest.fixture
def without_numbers(without_pictures: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is said of what was measured, for tests of what plugins say and do: numbers take most of the time."""
    for name in ("explorer", "way_back"):
        monkeypatch.setattr(f"harness.report.build.{name}", lambda tables: None)
    monkeypatch.setattr("harness.report.build.headline", lambda runs: "All is well.")
    monkeypatch.setattr("harness.report.build.findings", lambda tables: [])
    monkeypatch.setattr("harness.report.build.key_findings", lambda runs, expected, found: list(expected))


@pytest.mark.slow
@pytest.mark.parametrize("change", [pytest.param(change, id=name) for name, change in HOSTILE.items()])
def test_a_report_is_built_or_refused_in_one_line_and_stays_small_and_harmless(
    change: Callable[[dict[str, pd.DataFrame]], Any], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    directory, start = results(tmp_path / "out", change), time.monotonic()
    code = command.main([str(directory)])
    said = capsys.readouterr()
    assert time.monotonic() - start < SECONDS
    lines = said.err.splitlines()
    assert all(len(line) < 2000 and line.isprintable() for line in lines)
    if code:
        assert len([line for line in lines if not line.startswith("left out")]) == 1
        assert not (directory / "report.html").exists()
        return
    pictures = sum(path.stat().st_size for path in (directory / "figures").glob("*.svg"))
    for name in ("report.html", "report.md"):
        page = (directory / name).read_text("utf-8")
        assert len(page) < 60 * LONGEST + 2 * pictures
        for tag in ("<script>alert", "<img src=x", "<b>x"):
            assert tag not in page


@pytest.mark.parametrize("name", ["figures", "artefacts", "tables"])
@pytest.mark.usefixtures("empty_pictures")
def test_a_link_out_of_the_directory_is_not_followed(
    name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(registry().get("experiment", "recall_dish"), "artefacts", lambda tables: {"x": b"x"})
    home = tmp_path / "home"
    home.mkdir()
    (home / "holiday.png").write_text("at the sea")
    directory = results(tmp_path / "out")
    (directory / name).symlink_to(home)
    code = command.main([str(directory)])
    said = capsys.readouterr().err + ((directory / "report.md").read_text("utf-8") if code == 0 else "")
    assert "leads out of" in said
    assert [path.name for path in home.iterdir()] == ["holiday.png"]


@pytest.mark.parametrize(
    ("files", "words"),
    [
        ({"../../../x": b""}, "leads out of"),
        ({"/tmp/x": b""}, "leads out of"),
        ({"a\0b": b""}, "null byte"),
        ({"": b""}, "could not be made"),
        ({"x" * 5000: b""}, "too long"),
        ({"a": b"", "a/b": b""}, "could not be made"),
        ({"a": "text"}, "bytes-like object is required"),
        ({1: b""}, "TypeError"),
        ([b""], "has no attribute 'items'"),
    ],
)
@pytest.mark.usefixtures("without_numbers")
def test_artefacts_that_cannot_be_are_a_note(
    files: Any, words: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(registry().get("experiment", "recall_dish"), "artefacts", lambda tables: files)
    directory = results(tmp_path / "deep" / "out")
    assert command.main([str(directory)]) == 0
    assert words in (directory / "report.html").read_text("utf-8").replace("&#39;", "'")
    assert "could not be made" in (directory / "report.md").read_text("utf-8")
    assert [path.name for path in tmp_path.iterdir()] == ["deep"]
    assert [path.name for path in (tmp_path / "deep").iterdir()] == ["out"]


@pytest.mark.usefixtures("without_pictures")
def test_what_provenance_says_is_text(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    directory = results(tmp_path)
    evil = "\x1b[2J" + "\r\u2028</pre><script>alert(1)</script>" + "y" * 100_000
    known = dict.fromkeys(("command", "started", "study"), evil) | {
        "plugin_files": {evil: ""},
        "versions": {evil: evil},
    }
    (directory / "provenance.json").write_text(json.dumps(known))
    assert command.main([str(directory)]) == 0
    assert all(len(line) < 2000 and line.isprintable() for line in capsys.readouterr().err.splitlines())
    assert "<script>alert" not in (directory / "report.html").read_text("utf-8")
    text = (directory / "report.md").read_text("utf-8")
    assert not {"html_block", "html_inline"} & set(seen_in(text))


MARKS = "*stars*, _lines_, `code`, [a link](http://x), # head, 1. one, | cell |, <b>bold</b>, ~struck~ & snake_case"

TEXTS = [
    MARKS,
    f"- {MARKS}",
    f"# {MARKS}",
    "> quoted",
    "===",
    "---",
    "    code",
    "a\n\n# head",
    "1. one",
    "+ one",
    "```",
]


def seen_in(markdown: str) -> list[str]:
    """What a parser sees in a text of Markdown, paragraph by paragraph."""
    tokens = MarkdownIt("commonmark").enable(["table", "strikethrough"]).parse(markdown)
    return [inner.type for token in tokens for inner in (token.children or [token]) if inner.type != "softbreak"]


def kinds(directory: Path, text: str, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What a Markdown parser sees in a report whose plugins and samples say this text."""
    # It is in no Markdown.
    monkeypatch.setattr("harness.report.build.explorer", lambda tables: None)
    experiment = registry().get("experiment", "recall_dish")
    monkeypatch.setattr(experiment, "claim", text)
    monkeypatch.setattr(experiment, "__doc__", text)
    monkeypatch.setattr(registry().get("figure", "learning_curves"), "caption", text)
    results(directory, of_samples(text=text, translation=text, expected=text, answered="no"))
    assert command.main([str(directory)]) == 0
    return seen_in((directory / "report.md").read_text("utf-8"))


@pytest.mark.usefixtures("without_pictures")
def test_markdown_in_the_text_of_a_plugin_is_text(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    plain = kinds(tmp_path / "plain", "word", monkeypatch)
    for number, text in enumerate(TEXTS):
        assert kinds(tmp_path / str(number), text, monkeypatch) == plain, text
