from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from harness.report import __main__ as command
from harness.tables import Tables
from harness.tables.storage import write_tables
from tests.helpers.made_tables import made_tables

PROVENANCE = {
    "command": "python -m harness -m +study=dish",
    "started": "2026-01-31T12:00:00+00:00",
    "study": "dish",
    "versions": {"harness": "0.1.0", "torch": "2.13.0"},
    "machine": {"system": "Linux", "cores": 2},
}


@pytest.fixture(scope="session")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A report of made tables, with one failed run of a hostile reason."""
    directory = tmp_path_factory.mktemp("report")
    good = made_tables()
    failed = made_tables(cells=("rnn",), lengths=(99,), scales=(1.0,), seeds=(0,), status="failed")
    tables = Tables({name: pd.concat([good[name], failed[name]]).reset_index(drop=True) for name in good})
    write_tables(directory / "jobs" / "0" / "tables", tables)
    (directory / "provenance.json").write_text(json.dumps(PROVENANCE))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("harness.report.renderers.useful_processes", lambda panels: 0)
        assert command.main([str(directory)]) == 0
    return directory


@pytest.fixture(scope="session")
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


PHONE = {"width": 390, "height": 844, "density": 2, "mobile": True}


@contextmanager
def screen(browser: Any, width: int, height: int, density: int = 1, mobile: bool = False) -> Iterator[None]:
    """A screen of this size, in CSS pixels."""
    size = {"width": width, "height": height, "deviceScaleFactor": density, "mobile": mobile}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    try:
        yield
    finally:
        browser.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})


@contextmanager
def emulated(browser: Any, **media: Any) -> Iterator[None]:
    """What a page's style asks for: ``media``, such as paper, or ``features``, such as a dark scheme of colours."""
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", media)
    try:
        yield
    finally:
        browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": "", "features": []})


def width_on_a_phone(browser: Any, page: Path) -> int:
    """How wide a page is, in its pixels, on a screen of 390."""
    with screen(browser, **PHONE):
        browser.get(page.as_uri())
        width: int = browser.execute_script("return document.documentElement.scrollWidth")
    return width


def opened(browser: Any, built: Path) -> None:
    """The page with all that is folded unfolded."""
    browser.get((built / "report.html").as_uri())
    browser.execute_script("document.querySelectorAll('details').forEach(each => each.open = true)")
