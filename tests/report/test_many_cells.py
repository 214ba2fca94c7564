"""A report of every cell there is stays readable: a screen on the terminal, one table, sentences by family."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import harness
from harness.analysis.families import MOST_CELLS
from harness.analysis.runs import finished
from harness.analysis.sentences import findings
from harness.report import __main__ as command
from harness.report.cells import CellTable, cell_tables
from harness.report.run_table import columns_of
from harness.report.samples import samples
from harness.report.sparklines import HEIGHT, HIGHEST, LOWEST, WIDTH, profiles_before_training, sparklines
from harness.report.terminal import print_summary
from harness.tables.storage import write_tables
from harness.tables.tables import Tables
from tests.helpers.made_tables import made_tables
from tests.helpers.zoo import FAMILY, zoo
from tests.report.conftest import opened, width_on_a_phone

SCREEN = 25
SOME = [*FAMILY][: MOST_CELLS + 2]


def table(tables: Tables) -> CellTable:
    (found,) = cell_tables([("", tables)])
    return found


def points(svg: str) -> list[np.ndarray]:
    """The points of every line of a picture, (n, 2) in pixels."""
    lines = re.findall(r'points="([^"]*)"', svg)
    return [np.array([each.split(",") for each in line.split()], dtype=float) for line in lines]


def test_the_terminal_shows_no_more_than_a_screen(capsys: pytest.CaptureFixture[str]) -> None:
    print_summary(zoo(), findings(zoo()))
    said = capsys.readouterr().out
    assert len(said.splitlines()) <= SCREEN
    for family in set(FAMILY.values()):
        assert re.search(rf"│ {family} +│ {sum(own == family for own in FAMILY.values())} +│", said)


@pytest.fixture(scope="module")
def found() -> CellTable:
    return table(zoo())


def test_every_cell_has_one_row_family_after_family(found: CellTable) -> None:
    names, kinds = zip(*((row[0]["text"], row[1]["text"]) for row in found.rows), strict=True)
    assert sorted(names) == sorted(FAMILY)
    assert kinds == tuple(sorted(FAMILY.values()))
    assert [FAMILY[name] for name in names] == [*kinds]
    assert all(len(row) == len(found.heads) for row in found.rows)


def test_the_table_shows_the_factor_and_what_is_right_after_training(found: CellTable) -> None:
    rows = {row[0]["text"]: dict(zip(found.heads, row, strict=True)) for row in found.rows}
    for cell, row in rows.items():
        if cell != "feedforward":
            assert (row["factor at 0.9"]["text"], row["factor at 1.1"]["text"]) == ("0.900", "1.100")
    assert rows["rnn"]["right, 8 steps"]["text"] == "100 %"
    assert (rows["gru"]["right, 6 steps"]["text"], rows["gru"]["right, 8 steps"]["text"]) == ("100 %", "12.5 %")
    assert rows["gru"]["parameters"] == {"text": "100", "sort": "100"}
    assert rows["gru"]["ms per step"] == {"text": "–", "sort": ""}  # nothing was trained


def test_few_cells_have_no_such_table() -> None:
    few = made_tables(cells=SOME[:MOST_CELLS], lengths=(6,), scales=(1.0,), seeds=(0,), steps=(0,))
    assert cell_tables([("", few)]) == []


def test_the_points_of_a_sparkline_are_the_tables_gradient() -> None:
    tables = made_tables(cells=("rnn", "lstm"), lengths=(6, 30), scales=(0.7, 1.2), seeds=(0, 1), steps=(0, 9))
    pictures = sparklines(profiles_before_training(tables, finished(tables.runs)), tables.runs)
    assert set(pictures) == {"rnn", "lstm"}
    for scale, line in zip((0.7, 1.2), points(pictures["rnn"]), strict=True):
        lags = np.arange(30)
        np.testing.assert_allclose(line[:, 0], WIDTH * lags / 29, rtol=1e-3)
        exponents = HIGHEST - (line[:, 1] - 1) / (HEIGHT - 2) * (HIGHEST - LOWEST)
        np.testing.assert_allclose(exponents, lags * np.log10(scale), atol=2e-3)


def test_a_sparkline_is_relative_to_the_first_gradient_and_keeps_zeros_and_extremes_on_its_edges() -> None:
    tables = made_tables(cells=("rnn",), lengths=(5,), scales=(1.0,), seeds=(0,), steps=(0,))
    by_lag = np.array([0.0, 50.0, 0.5, 0.0, 1e9])
    transport = tables.transport.assign(grad_norm=by_lag[tables.transport.lag])
    profile = profiles_before_training(Tables({**tables, "transport": transport}), finished(tables.runs))
    np.testing.assert_allclose(profile.exponent, [-np.inf, 0, -2, -np.inf, np.log10(1e9 / 50)])
    picture = sparklines(profile, tables.runs)["rnn"]
    (line,) = points(picture)
    bottom, top = HEIGHT - 1, 1
    level = 1 + (HEIGHT - 2) * HIGHEST / (HIGHEST - LOWEST)
    lower = level + (HEIGHT - 2) * 2 / (HIGHEST - LOWEST)
    np.testing.assert_allclose(line[:, 1], [bottom, level, lower, bottom, top], rtol=1e-3)
    assert 'aria-label="at lag 4 2e+07 of the gradient is left, at weight scale 1"' in picture


def test_a_long_sparkline_has_its_ends_and_no_more_points_than_can_be_seen() -> None:
    tables = made_tables(cells=("rnn",), lengths=(1000,), scales=(0.999,), seeds=(0,), steps=(0,))
    (line,) = points(sparklines(profiles_before_training(tables, finished(tables.runs)), tables.runs)["rnn"])
    assert len(line) == 60
    np.testing.assert_allclose(line[[0, -1], 0], [0, WIDTH])


def test_of_many_answers_those_that_are_right_are_counted_by_family() -> None:
    (shown,) = samples(zoo(), "", most=1)
    given = {each["who"]: each for each in shown["given"]}
    runs = sum(family == "classic" for family in FAMILY.values()) * 2  # weight scales
    assert given["classic"]["share"] == f": {runs} of {runs} right"
    assert given["classic"]["right"]
    assert not given["matrix"]["right"]
    assert set(given) == set(FAMILY.values())


def test_the_table_of_runs_has_no_options_that_only_tell_cells_apart() -> None:
    assert not [name for name in columns_of(zoo().runs) if name.startswith("cell.")]


@pytest.fixture(scope="module")
def crowd(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A report of a few more cells than are told of one by one."""
    directory = tmp_path_factory.mktemp("crowd")
    tables = made_tables(cells=SOME, lengths=(6, 8), scales=(0.9, 1.1), seeds=(0,), steps=(0, 10))
    runs = tables.runs.assign(parameters=pd.array(range(1000, 1000 + len(tables.runs)), dtype="Int64"))
    write_tables(directory / "jobs" / "0" / "tables", Tables({**tables, "runs": runs}))
    assert command.main([str(directory)]) == 0
    return directory


@pytest.mark.slow
def test_the_page_has_a_row_and_a_picture_for_every_cell_and_says_all_without_a_script(crowd: Path) -> None:
    page, markdown = ((crowd / name).read_text("utf-8") for name in ("report.html", "report.md"))
    (body,) = re.findall(r'<table class="sortable cells">(.*?)</table>', page, re.DOTALL)
    assert re.findall(r'<th scope=row data-sort="(\w+)">', body) == sorted(SOME, key=lambda each: (FAMILY[each], each))
    assert body.count("<svg ") == len(SOME) == body.count('role="img" aria-label="at lag')
    assert body.count('<th scope="col"><button type="button">') == len(table(harness.load(crowd)).heads)
    for cell in SOME:
        assert f"<li>{cell} solves the task" in page
        assert f"- {cell} solves the task" in markdown
        assert f"| {cell} | {FAMILY[cell]} | " in markdown
    for family in {FAMILY[cell] for cell in SOME}:
        assert f"<summary>{family}</summary>" in page


@pytest.mark.slow
def test_clicking_a_head_sorts_the_cells_and_leaves_the_runs_alone(crowd: Path, browser: Any) -> None:
    opened(browser, crowd)
    shown = (
        "return [...document.querySelectorAll('table.cells tbody tr')].map(row => row.cells[arguments[0]].innerText)"
    )
    runs = "return [...document.querySelectorAll('#all-runs tbody tr')].map(row => row.innerText)"
    heads = browser.find_elements("css selector", "table.cells th button")
    column = [head.text for head in heads].index("parameters")
    before = browser.execute_script(runs)
    for down in (False, True):
        heads[column].click()
        numbers = [int(value.replace(",", "")) for value in browser.execute_script(shown, column)]
        assert numbers == sorted(numbers, reverse=down)
        order = browser.execute_script(f"return document.querySelectorAll('table.cells th')[{column}].ariaSort")
        assert order == ("descending" if down else "ascending")
    heads[0].click()
    assert browser.execute_script(shown, 0) == sorted(SOME)
    assert browser.execute_script(runs) == before


@pytest.mark.slow
def test_the_page_of_many_cells_fits_a_phone(crowd: Path, browser: Any) -> None:
    assert width_on_a_phone(browser, crowd / "report.html") <= 390
