"""A browser shows the page without help from anywhere."""

from __future__ import annotations

import json
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from tests.helpers.drawn import FIGURES
from tests.report.conftest import PHONE, emulated, opened, screen, width_on_a_phone


@pytest.mark.slow
def test_chromium_shows_the_page_whole_without_errors_or_requests(built: Path, browser: Any) -> None:
    url = (built / "report.html").as_uri()
    for log in ("browser", "performance"):
        browser.get_log(log)  # what pages of other tests have left
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
    opened(browser, built)
    widths = "return [...document.querySelectorAll('figure img')].map(image => [image.width, image.naturalWidth,"
    found = browser.execute_script(widths + "image.closest('figure').clientWidth])")
    assert len(found) == len(FIGURES)
    for width, natural, column in found:
        # Type of 10 points is 13.3 pixels by itself, and 16 here.
        assert width == pytest.approx(min(1.2 * natural, column), abs=2)
    assert any(width < column for width, _, column in found)


@pytest.mark.slow
def test_clicking_a_head_sorts_the_runs(built: Path, browser: Any) -> None:
    opened(browser, built)
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
    assert width_on_a_phone(browser, built / "report.html") <= 390


@pytest.mark.slow
def test_paper_shows_the_page_whole(built: Path, browser: Any) -> None:
    with screen(browser, width=718, height=1000), emulated(browser, media="print"):
        # Without scripts: what is folded is there all the same.
        browser.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": True})
        browser.get((built / "report.html").as_uri())
        browser.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": False})
        heights = "return [...document.querySelectorAll('details > :not(summary)')].map(each => each.offsetHeight)"
        folded = browser.execute_script(heights)
        assert len(folded) > 10
        assert all(folded)
        boxes = "return [...document.querySelectorAll('.wide, .scroll')].map(box => [box.scrollWidth, box.clientWidth,"
        found = browser.execute_script(boxes + "box.scrollHeight, box.clientHeight])")
        assert found
        for width, shown_width, height, shown_height in found:
            assert (width, height) == (shown_width, shown_height)


@pytest.mark.slow
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [390, 1280])
def test_axe_finds_no_serious_fault(built: Path, browser: Any, scheme: str, width: int) -> None:
    spec = find_spec("axe_playwright_python")  # of which nothing but axe itself is used
    if spec is None or not spec.submodule_search_locations:
        pytest.skip("needs axe-playwright-python")
    axe = Path(spec.submodule_search_locations[0], "axe.min.js").read_text("utf-8")
    colours = {"name": "prefers-color-scheme", "value": scheme}
    with screen(browser, width, height=844), emulated(browser, features=[colours]):
        opened(browser, built)
        browser.execute_script(axe)
        browser.set_script_timeout(300)  # axe looks at every element, on a busy machine too
        found = browser.execute_async_script("axe.run(document).then(arguments[0])")
    assert len(found["passes"]) > 20
    serious = [each for each in found["violations"] if each["impact"] in ("serious", "critical")]
    assert not serious, [(each["id"], [node["html"] for node in each["nodes"]][:3]) for each in serious]


@pytest.mark.slow
def test_the_keyboard_unfolds_what_is_folded_and_a_link_does(built: Path, browser: Any) -> None:
    browser.get((built / "report.html").as_uri())
    for part in ("findings", "runs"):
        (summary,) = browser.find_elements("css selector", f"#{part} > summary")
        summary.send_keys(" ")
        assert browser.find_element("id", part).get_attribute("open") is not None
    browser.find_element("css selector", "nav a[href='#words']").click()
    assert browser.find_element("id", "words").get_attribute("open") is not None


@pytest.mark.slow
def test_the_first_screen_of_a_phone_has_the_headline_and_both_answers(built: Path, browser: Any) -> None:
    lower_edges = (
        "return [...document.querySelectorAll('h1, .way .steps')].map(each => each.getBoundingClientRect().bottom)"
    )
    with screen(browser, **PHONE):
        browser.get((built / "report.html").as_uri())
        found = browser.execute_script(lower_edges)
    assert len(found) == 3
    assert max(found) <= 844
