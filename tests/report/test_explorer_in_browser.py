"""In a browser one plays with the report: by keyboard and pointer, and what is shown is what the tables say."""

from __future__ import annotations

import json
import re
import time
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from harness.report.build import build
from harness.tables import Tables
from tests.helpers.explorer_page import WORDS, explored_tables
from tests.helpers.made_tables import made_tables
from tests.report.conftest import width_on_a_phone

pytestmark = pytest.mark.slow

TABLES = explored_tables()


def report(directory: Path, tables: Tables) -> Path:
    """A page without figures."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("harness.report.build.draw_all", lambda directory, wanted: [])
        return build(directory, tables).path


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return report(tmp_path_factory.mktemp("explored"), Tables(dict(TABLES)))


@pytest.fixture
def opened(page: Path, browser: Any) -> Any:
    browser.set_window_size(1200, 1000)
    browser.get(page.as_uri())
    return browser


def element(browser: Any, selector: str) -> Any:
    return browser.find_element("css selector", f"#explorer {selector}")


def choose(browser: Any, label: str, option: str) -> None:
    """Choose by keyboard: a select takes the option whose text is typed."""
    (select,) = [each for each in browser.find_elements("css selector", "#explorer .selects label")
                 if each.text.split("\n")[0] == label]  # fmt: skip
    select.find_element("css selector", "select").send_keys(option)


def move(browser: Any, selector: str, keys: str) -> None:
    from selenium.webdriver.common.keys import Keys

    slider = element(browser, selector)
    for key in keys.split():
        slider.send_keys(getattr(Keys, key))


def values(browser: Any, what: str) -> dict[str, str]:
    """A row of the table of values, by cell."""
    heads = browser.find_elements("css selector", "#explorer .values thead th")
    row = browser.find_elements("css selector", f"#explorer .values .{what} td")
    return {head.text: each.text.replace("\u00a0", " ") for head, each in zip(heads, row, strict=True)}


def as_number(text: str) -> float:
    """``1.23 × 10⁻⁴``, ``0.5``, ``12 % (3 seeds: …)`` as a number; what stands in brackets is left out."""
    text = text.split(" (")[0].removesuffix(" %")
    number, _, power = text.partition(" × 10")
    return float(number) * 10.0 ** int(power.translate(str.maketrans("⁻⁰¹²³⁴⁵⁶⁷⁸⁹", "-0123456789")) or 0)


def of_runs(table: str, cell: str, scale: float, seq_len: int, step: int) -> pd.DataFrame:
    """The rows of the runs of a condition after so many training steps."""
    runs = TABLES.runs
    own = runs[(runs.cell == cell) & (runs.weight_scale == scale) & (runs.seq_len == seq_len)]
    rows = TABLES[table]
    return rows[rows.run_id.isin(own.run_id) & (rows.step == step)]


def expected(cell: str, scale: float, seq_len: int, step: int, lag: int) -> tuple[float, float]:
    """The medians over three seeds of a gradient, and of the accuracy in %, from the tables."""
    rows, curves = (of_runs(table, cell, scale, seq_len, step) for table in ("transport", "curves"))
    rows = rows[(rows.layer == 1) & (rows.lag == lag)]
    assert [len(rows), len(curves)] == [3, 3]
    return float(rows.grad_norm.median()), 100 * float(curves.accuracy.median())


def test_selects_and_sliders_show_what_the_tables_say_by_keyboard_alone(opened: Any) -> None:
    choose(opened, "length", "12")
    choose(opened, "weight scale", "0.9")
    for cell, beside, steps, step in (("rnn", "lstm", "HOME", 0), ("lstm", "rnn", "ARROW_RIGHT", 10)):
        choose(opened, "cell", cell)
        choose(opened, "beside it", beside)
        move(opened, ".moment", steps)
        for places, lag in (("HOME", 11), ("ARROW_RIGHT ARROW_RIGHT", 9), ("END", 0)):
            move(opened, ".looked-at", places)
            said = element(opened, ".looked-at").get_attribute("aria-valuetext").replace("\u00a0", " ")
            assert f"Step {12 - lag} of 12, {lag} steps before the answer" in said
            shown = [values(opened, column) for column in ("gradient", "accuracy")]
            for who in (cell, beside):
                norm, accuracy = expected(who, 0.9, 12, step, lag)
                assert as_number(shown[0][who]) == pytest.approx(norm, rel=0.006)
                assert as_number(shown[1][who]) == pytest.approx(accuracy, abs=0.06)
                assert f"{who}: {shown[0][who].split(' (')[0]}" in said


def test_the_pointer_over_a_word_shows_its_gradient_and_how_much_the_answer_depends_on_it(opened: Any) -> None:
    from selenium.webdriver import ActionChains

    choose(opened, "cell", "lstm")
    choose(opened, "length", "8")
    choose(opened, "weight scale", "1.1")
    move(opened, ".moment", "END")
    words = opened.find_elements("css selector", "#explorer .word")
    assert [each.text.split("\n")[0] for each in words] == WORDS
    depends = of_runs("dependences", "lstm", 1.1, 8, 20).set_index("t").norm
    for t in (3, 6):
        ActionChains(opened).move_to_element(words[t - 1]).perform()
        assert (
            f"Step {t} of 8, {8 - t} steps before the answer: {WORDS[t - 1]} (gloss {t})."
            in element(opened, ".here").text
        )
        assert as_number(values(opened, "gradient")["lstm"]) == pytest.approx(
            expected("lstm", 1.1, 8, 20, 8 - t)[0], rel=0.006
        )
        told = values(opened, "dependence")["lstm"]
        assert as_number(told) == pytest.approx(depends[t], rel=0.006)
        share = re.search(r"\(([\d.]+) % of its strongest\)", told)
        assert share is not None
        assert float(share[1]) == pytest.approx(100 * depends[t] / depends.max(), abs=0.06)
        assert words[t - 1].get_attribute("class") == "word looked"


def test_the_pointer_over_the_chart_moves_along_the_lags(opened: Any) -> None:
    from selenium.webdriver import ActionChains

    choose(opened, "length", "12")
    chart = element(opened, ".profile")
    for offset, said in (
        (-chart.size["width"] // 2 + 60, "Step 1 of 12"),
        (chart.size["width"] // 2 - 14, "Step 12 of 12"),
    ):
        ActionChains(opened).move_to_element_with_offset(chart, offset, 0).perform()
        assert said in element(opened, ".here").text
        assert said in chart.get_attribute("aria-label")


def test_the_training_plays_to_its_end_and_can_be_paused(opened: Any) -> None:
    from selenium.webdriver.common.keys import Keys

    button, at = element(opened, ".play"), element(opened, ".at-step")
    assert (button.text, at.text) == ("Play the training", "20 of 20")
    button.send_keys(Keys.ENTER)
    assert (button.text, at.text) == ("Pause", "0 of 20")
    button.send_keys(Keys.ENTER)
    assert button.text == "Play the training"
    seen = []
    button.send_keys(Keys.ENTER)
    end = time.monotonic() + 10
    while button.text == "Pause" and time.monotonic() < end:
        seen.append(at.text)
        time.sleep(0.05)
    assert list(dict.fromkeys([*seen, at.text])) == ["0 of 20", "10 of 20", "20 of 20"]


def test_what_no_logarithm_can_show_is_shown_as_what_it_is(opened: Any) -> None:
    choose(opened, "length", "8")
    choose(opened, "weight scale", "1.1")
    choose(opened, "cell", "rnn")
    move(opened, ".moment", "END")
    shown = {}
    move(opened, ".looked-at", "END")
    for lag in range(8):
        shown[lag] = values(opened, "gradient")["rnn"].split(" (")[0]
        move(opened, ".looked-at", "ARROW_LEFT")
    assert [shown[lag] for lag in (3, 4, 5, 6)] == ["1.00 × 10⁻³⁰⁰", "0", "infinite", "not a number"]
    labels = [each.text for each in opened.find_elements("css selector", "#explorer .profile text")]
    assert "0" in labels
    assert "∞, ?" in labels
    heights = opened.execute_script(
        "return [...document.querySelectorAll('#explorer .word .bar.n0')].map(bar => [bar.className, bar.style.height])"
    )
    lost = [7 - place for place, (name, _) in enumerate(heights) if "lost" in name]
    assert lost == [6, 5]
    assert [heights[7 - lag][1] for lag in (3, 4)] == ["0%", "0%"]


def test_a_choice_without_a_run_takes_the_nearest_one_and_says_so(tmp_path: Path, browser: Any) -> None:
    runs = TABLES.runs.query("not (cell == 'rnn' and seq_len == 12)")
    browser.get(report(tmp_path, Tables({**TABLES, "runs": runs})).as_uri())
    choose(browser, "length", "12")
    choose(browser, "cell", "rnn")
    assert "There is no such run." in element(browser, ".said").get_attribute("textContent")
    assert "of 8" in element(browser, ".here").text
    choose(browser, "cell", "lstm")
    choose(browser, "beside it", "rnn")
    choose(browser, "length", "12")
    assert values(browser, "gradient")["rnn"] == "no run with these settings"
    assert "rnn has no run with these settings." in element(browser, ".key").text


def test_it_makes_no_request_and_no_error_and_fits_a_phone(page: Path, opened: Any) -> None:
    opened.get_log("browser"), opened.get_log("performance")
    opened.get(page.as_uri())
    choose(opened, "cell", "rnn")
    move(opened, ".moment", "HOME ARROW_RIGHT")
    assert opened.get_log("browser") == []
    events = [json.loads(entry["message"])["message"] for entry in opened.get_log("performance")]
    asked = {each["params"]["request"]["url"] for each in events if each["method"] == "Network.requestWillBeSent"}
    assert {each for each in asked if not each.startswith("data:")} == {page.as_uri()}
    assert width_on_a_phone(opened, page) <= 390


def test_without_scripts_there_is_a_still_picture_and_no_dead_control(page: Path, browser: Any) -> None:
    browser.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": True})
    try:
        browser.get(page.as_uri())
        assert element(browser, ".words").is_displayed()
        assert "This is a still picture" in element(browser, ".still").text
        bars = [each.size["height"] for each in browser.find_elements("css selector", "#explorer .bar.n0")]
        assert len(bars) in (8, 12)
        assert max(bars) > 20
        for each in browser.find_elements("css selector", "#explorer :is(select, button, input, svg)"):
            assert not each.is_displayed()
    finally:
        browser.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": False})


def test_a_fold_hides_the_middle_of_a_long_sample_until_it_is_asked_for(tmp_path: Path, browser: Any) -> None:
    browser.get(report(tmp_path, made_tables(lengths=(40,), scales=(1.0,), seeds=(0,))).as_uri())
    assert len(browser.find_elements("css selector", "#explorer .word")) == 22
    (more,) = browser.find_elements("css selector", "#explorer .words button")
    assert more.text == "… 18 more …"
    more.click()
    assert len(browser.find_elements("css selector", "#explorer .word")) == 40


def test_gradients_are_shown_as_shares_of_that_at_the_answer(opened: Any) -> None:
    choose(opened, "length", "12")
    choose(opened, "weight scale", "1.1")
    move(opened, ".looked-at", "END")
    assert {as_number(text) for text in values(opened, "share").values()} == {1.0}
    move(opened, ".looked-at", "HOME")
    for cell, text in values(opened, "share").items():
        rows = of_runs("transport", cell, 1.1, 12, 20)
        norms = rows[rows.layer == 1].pivot(index="run_id", columns="lag", values="grad_norm")
        assert as_number(text) == pytest.approx((norms[11] / norms[0]).median(), rel=0.006)
