"""A sweep that grows while it is looked at."""

from __future__ import annotations

import os
import re
import time
from pathlib import Path

import pytest

import harness.sweeping.progress as told
from harness.serve import standing
from harness.serve.standing import FRESH, Observer
from harness.sweeping.progress import JobProgress
from tests.serve.conftest import Ask, write_job, write_plan


@pytest.fixture(autouse=True)
def noted_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(told, "WRITE_EVERY", 0.0)


def row(page: str) -> list[str]:
    """The texts of the first sweep's row."""
    found = re.search(r'<tr data-key="[^"]*">(.*?)</tr>', page, re.S)
    assert found is not None
    cells = [re.sub(r"<[^>]+>", " ", cell) for cell in re.findall(r"<t[hd][^>]*>(.*?)</t[hd]>", found[1])]
    return [re.sub(r"\d+:\d\d(:\d\d)?$", "(time)", " ".join(cell.split())) for cell in cells]


def test_a_running_sweep_is_told_of_as_far_as_it_is(ask: Ask, results: Path) -> None:
    sweep = results / "dish" / "now"
    write_plan(sweep, {"0": ["a", "b"], "1": ["c", "d"]})
    assert row(ask("/").text)[2:6] == ["not finished", "0 of 4", "", "4"]

    job = JobProgress(sweep / "jobs" / "0", runs=2, steps=100)
    job.tick(50, 2)
    page = ask("/").text
    assert row(page)[2:6] == ["running 25 % (time)", "0 of 4", "", "4"]
    assert 'data-every="2"' in page

    write_job(sweep, "0", ["a", "b"], ["ok", "failed"])
    job.done()
    other = JobProgress(sweep / "jobs" / "1", runs=2, steps=100)
    other.tick(50, 1)
    assert row(ask("/").text)[2:6] == ["running 62 % (time)", "2 of 4", "1", "2"]
    of_sweep = ask("/dish/now/").text
    assert "<b>running</b>: 2 of 4 runs, 1 failed, 62 % of the work" in of_sweep
    assert '<th scope="row">1</th>' in of_sweep

    write_job(sweep, "1", ["c", "d"], ["ok", "diverged"])
    other.done()
    (sweep / "report.html").touch()
    page = ask("/").text
    assert row(page)[2:] == ["finished", "4 of 4", "1", "", "report"]
    assert 'data-every="10"' in page
    assert "4 of 4 runs, 1 failed, 1 diverged" in ask("/dish/now/").text


def test_a_job_that_says_nothing_any_more_is_not_at_work(results: Path) -> None:
    write_plan(results, {"0": ["a", "b"]})
    JobProgress(results / "jobs" / "0", runs=2, steps=10).tick(5, 2)
    assert Observer().standing(results).state == "running"
    long_ago = time.time() - FRESH - 1
    os.utime(results / "jobs" / "0" / "progress.json", (long_ago, long_ago))
    found = Observer().standing(results)
    assert (found.state, found.running, found.share) == ("not finished", [], 0.0)


def test_an_interrupted_sweep_says_how_it_goes_on(ask: Ask, results: Path) -> None:
    write_plan(results / "cut", {"0": ["a"]})
    assert f"python -m harness resume={results / 'cut'}" in ask("/cut/").text


def test_runs_of_a_job_that_is_resumed_are_counted_once(results: Path) -> None:
    write_plan(results, {"0": ["a", "b", "c", "d"]})
    write_job(results, "0", ["a", "b"], ["ok", "ok"])
    JobProgress(results / "jobs" / "0", runs=2, steps=10).tick(5, 2)
    found = Observer().standing(results)
    assert (found.done, found.planned, found.share) == (2, 4, 0.75)


def test_the_time_left_is_reckoned_from_what_this_sitting_has_done(results: Path) -> None:
    write_plan(results, {"0": ["a", "b"], "1": ["c", "d"], "2": ["e", "f", "g", "h"]})
    begun = time.time() - 60
    moment = time.strftime("%Y-%m-%dT%H:%M:%S+00:00", time.gmtime(begun))
    (results / "provenance.json").write_text(f'{{"started": "2026-01-01T00:00:00+00:00", "resumed": ["{moment}"]}}')
    write_job(results, "0", ["a", "b"], ["ok", "ok"])  # before this sitting
    os.utime(results / "jobs" / "0" / "tables" / "runs.parquet", (begun - 100, begun - 100))
    write_job(results, "1", ["c", "d"], ["ok", "ok"])
    JobProgress(results / "jobs" / "2", runs=4, steps=10)
    left = Observer().standing(results).seconds_left
    assert left == pytest.approx(120, rel=0.05)  # two runs took a minute, and there are four


def test_a_file_is_read_again_only_when_it_has_changed(results: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    reads = []
    read = standing._statuses
    monkeypatch.setattr(standing, "_statuses", lambda path: (reads.append(path), read(path))[1])
    write_plan(results, {"0": ["a"], "1": ["b"]})
    write_job(results, "0", ["a"], ["ok"])
    observer = Observer()
    assert [observer.standing(results).done for _ in range(3)] == [1, 1, 1]
    assert len(reads) == 1
    write_job(results, "1", ["b"], ["ok"])
    assert observer.standing(results).done == 2
    assert len(reads) == 2
