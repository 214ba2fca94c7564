"""Two results directories side by side, by the command and from Python."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

import harness
from harness.analysis.comparison import compare
from harness.report import __main__ as command
from harness.report.comparing import picture
from harness.report.rendering import styled, svg_and_png
from harness.tables.storage import write_tables
from tests.helpers.made_runs import made_runs
from tests.helpers.made_tables import gates_win, made_tables

SMALL = {"cells": ("rnn", "lstm"), "lengths": (20, 40), "scales": (1.0,), "seeds": (0, 1, 2), "steps": (0,)}


def write(directory: Path, **tables: Any) -> Path:
    write_tables(directory / "jobs" / "0" / "tables", made_tables(**{**SMALL, **tables}))
    return directory


@pytest.fixture(scope="module")
def before(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write(tmp_path_factory.mktemp("sweeps") / "before")


@pytest.fixture(scope="module")
def after(before: Path) -> Path:
    """Rnn has learned what only lstm could; and there is one length more."""

    def all_win(cell: str, seq_len: int, scale: float) -> float:
        return 0.9 if cell == "rnn" and seq_len == 40 else gates_win(cell, seq_len, scale)

    return write(before.parent / "after <1>", lengths=(20, 40, 60), accuracy=all_win)


@pytest.fixture(scope="module")
def page(before: Path, after: Path) -> str:
    assert command.main([str(before), "--compare", str(after)]) == 0
    return (before / "compare-after_1_.html").read_text("utf-8")


def test_the_page_says_what_has_changed_and_of_how_many_comparisons(page: str) -> None:
    assert "Accuracy: better after the change in 1 of 4 conditions." in page
    assert "rnn, 40 steps: accuracy 13 % → 90 %, +77 points" in page
    assert "2 comparisons were made" in page
    assert "Only after:" in page
    assert "<li>lstm, 60 steps</li>" in page
    assert "Only before:" not in page


def test_the_page_shows_a_picture_and_a_table_of_what_has_changed_and_of_nothing_else(page: str) -> None:
    assert re.findall(r'<h2 id="measure-\d">([^<]+)</h2>', page) == ["accuracy", "loss"]
    assert page.count("<img") == 2
    rows = re.findall(r'<tr class="(\w+)"><th scope="row">([^<]+)</th>', page)
    assert rows == [("better", "rnn, 40 steps")] * 2


def test_the_page_needs_nothing_runs_nothing_and_takes_names_as_text(page: str) -> None:
    assert "default-src 'none'" in page
    assert "<script" not in page
    assert all(source.startswith("data:") for source in re.findall(r'(?:src|href)="([^"]*)"', page))
    assert "after &lt;1&gt;" in page
    assert "after <1>" not in page


def test_the_table_stands_beside_the_page(page: str, before: Path) -> None:
    table = pd.read_csv(before / "compare-after_1_.csv")
    own = table[(table.condition == "rnn, 40 steps") & (table.measure == "accuracy")].iloc[0]
    assert (own.before, own.after, own.claim) == (pytest.approx(0.13), pytest.approx(0.9), "better")


def test_nothing_is_written_into_the_second_but_its_merged_tables(page: str, after: Path) -> None:
    assert {path.name for path in after.iterdir()} == {"jobs", "tables"}


def test_python_finds_what_the_page_says(page: str, before: Path, after: Path) -> None:
    found = harness.load(before).compare(harness.load(after))
    assert found.names == (str(before), str(after))
    assert all(sentence in page for sentence in found.findings)
    assert found.conditions.condition.tolist() == [f"{cell}, {n} steps" for cell in ("rnn", "lstm") for n in (20, 40)]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["{before}", "--compare", "{before}/none"], "none: not there; valid: a results directory"),
        (["{before}", "--compare", "{empty}"], "no results here"),
        (["{before}", "{before}", "--compare", "{before}"], "2 directories besides"),
        (["{before}", "--compare", "{other}"], "no condition stands in both: .*seq_len"),
        (["{before}", "--compare", "{damaged}"], "damaged|cannot be read"),
    ],
)
def test_what_cannot_be_compared_is_said_in_one_line(
    words: list[str], message: str, before: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    places = {name: tmp_path / name for name in ("empty", "other", "damaged")}
    for place in places.values():
        place.mkdir()
    write(places["other"], lengths=(8,), cells=("rnn",))
    (write(places["damaged"]) / "jobs/0/tables/runs.parquet").write_bytes(b"PAR1")
    assert command.main([word.format(before=before, **places) for word in words]) == 1
    said = capsys.readouterr().err
    assert re.search(message, said)
    assert said.count("\n") == 1
    assert list(tmp_path.glob("*/compare*")) == []


def test_a_picture_shows_every_seed_and_triangles_where_a_change_is_certain() -> None:
    base = made_runs(lambda cell, length, seed: {"accuracy": 0.5 + 0.01 * seed})
    gain = made_runs(lambda cell, length, seed: {"accuracy": 0.5 + 0.011 * seed + 0.3 * (cell == "lstm")})
    found = compare(base, gain)
    (measure,) = found.measures()
    with styled():
        drawn = picture.draw(found, measure)
    (axis,) = drawn.axes
    means = {line.get_ydata()[0]: line.get_marker() for line in axis.lines if line.get_marker() in "o<>"}
    assert means == {0: "o", 1: "o", 2: ">", 3: ">"}
    dots = [sorted(line.get_xdata()) for line in axis.lines if line.get_marker() == "."]
    assert dots[0] == pytest.approx([0.1 * seed for seed in range(5)])
    assert dots[2] == pytest.approx([30 + 0.1 * seed for seed in range(5)])
    bars = [line.get_xdata() for line in axis.lines if line.get_linestyle() == "-" and len(line.get_xdata()) == 2][1:]
    for bar, row in zip(bars, found.table.query("measure == 'accuracy'").itertuples(), strict=True):
        assert tuple(bar) == pytest.approx((100 * row.low, 100 * row.high))


def test_of_many_conditions_a_picture_shows_those_that_are_certain() -> None:
    def value(cell: str, length: int, seed: int) -> dict[str, Any]:
        return {"accuracy": 0.5 + 0.2 * (length == 77) + 0.001 * ((seed * 7 + length) % 5)}

    lengths = tuple(range(40, 100))
    found = compare(made_runs(lambda *run: {"accuracy": 0.5}, lengths=lengths), made_runs(value, lengths=lengths))
    with styled():
        drawn = picture.draw(found, found.measures()[0])
    texts = [text.get_text() for text in drawn.axes[0].texts]
    assert len(texts) == picture.MOST_DRAWN
    assert {"rnn, 77 steps", "lstm, 77 steps"} <= set(texts)
    assert "30 of 120 conditions" in svg_and_png(drawn)[0]
