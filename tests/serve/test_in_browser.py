"""What a browser makes of it: pages that follow a sweep, reports that work and cannot look around."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest

from harness.sweeping.progress import JobProgress
from tests.serve.conftest import write_job, write_plan

pytestmark = pytest.mark.slow


def wait_until(browser: Any, script: str, seconds: float = 20) -> None:
    end = time.monotonic() + seconds
    while not browser.execute_script(script):
        assert time.monotonic() < end, browser.find_element("tag name", "body").text
        time.sleep(0.1)


def test_a_page_follows_a_sweep_keeps_the_focus_and_says_when_the_server_is_gone(
    browser: Any,
    port: int,
    results: Path,
) -> None:
    sweep = results / "dish"
    write_plan(sweep, {"0": ["a", "b"]})
    job = JobProgress(sweep / "jobs" / "0", runs=2, steps=10)
    browser.get(f"http://127.0.0.1:{port}/")
    assert "0 of 2" in browser.find_element("css selector", "#live").text
    browser.execute_script("window.same = true; document.querySelector('#live a').focus()")
    write_job(sweep, "0", ["a", "b"], ["ok", "ok"])
    job.done()
    wait_until(browser, "return document.querySelector('#live').innerText.includes('2 of 2')")
    assert browser.execute_script("return window.same && document.activeElement.getAttribute('href')") == "/dish/"
    write_plan(results / "other", {"0": ["c"]})
    wait_until(browser, "return document.querySelectorAll('#live tbody tr').length === 2")
    assert browser.get_log("browser") == []


HOSTILE = """<title>before</title><script>
const report = (text) => { document.title += " " + text; };
report("ran");
fetch("/secret.json").then(() => report("read"), () => report("refused"));
try { localStorage.length; report("stored"); } catch { report("nobody"); }
try { eval("1"); report("eval"); } catch { report("no eval"); }
</script>"""


def test_a_files_scripts_run_and_cannot_look_around(browser: Any, port: int, results: Path) -> None:
    (results / "secret.json").write_text("{}")
    (results / "report.html").write_text(HOSTILE)
    browser.get(f"http://127.0.0.1:{port}/report.html")
    wait_until(browser, "return document.title.includes('refused')")
    assert browser.title == "before ran nobody no eval refused"
    browser.get_log("browser")  # what was refused stands there


def test_a_report_works_as_it_does_as_a_file(
    browser: Any,
    port: int,
    results: Path,
    built: Path,
) -> None:
    (results / "report.html").write_bytes((built / "report.html").read_bytes())
    browser.get(f"http://127.0.0.1:{port}/report.html")
    sizes = browser.execute_script("return [...document.images].map(image => image.naturalWidth)")
    assert sizes
    assert all(sizes)
    assert browser.get_log("browser") == []
