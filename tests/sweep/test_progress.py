"""Progress: what jobs tell, what the watcher makes of it."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

import harness.sweep.progress
from harness.run.rows import failed
from harness.settings.members import members
from harness.sweep.progress import JobProgress, Planned, Standing, Watch, clock
from tests.conftest import Config


def planned(directory: Path, name: str, runs: int = 4, work: float = 1.0) -> Planned:
    return Planned(directory / name, f"job {name}", runs, work)


@pytest.fixture(autouse=True)
def _every_note(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(harness.sweep.progress, "WRITE_EVERY", 0.0)


def test_a_pack_that_was_split_counts_every_run_once(config: Config, tmp_path: Path) -> None:
    runs = members(config(seed=[0, 1, 2, 3]))
    job, told = planned(tmp_path, "0"), JobProgress(tmp_path / "0", runs=4, steps=10)
    told.tick(5, 4)
    assert job.note() is not None
    assert job.note().share == 0.5  # type: ignore[union-attr]
    told.settled(runs[:1], failed(runs[:1], "RuntimeError: no oven"))
    told.tick(5, 3)
    note = job.note()
    assert note is not None
    assert (note.over, note.failed, note.reason) == (1, 1, "RuntimeError: no oven")
    assert note.share == pytest.approx(1 / 4 + 3 / 4 / 2)
    told.done()
    assert job.note().share == 1  # type: ignore[union-attr]


def test_the_time_left_is_reckoned_by_the_work_of_this_sitting(tmp_path: Path) -> None:
    jobs = [planned(tmp_path, "0", work=3.0), planned(tmp_path, "1", work=1.0)]
    JobProgress(jobs[0].directory, runs=4, steps=10).done()
    standing = Standing.of(jobs, [job.note() for job in jobs], seconds=30, done_before=92)
    assert standing.share == 0.75
    assert standing.seconds_left == pytest.approx(10)
    assert standing.runs == 100
    unknown = Standing.of(jobs[1:], [None], seconds=30)
    assert unknown.seconds_left is None
    assert "? left" in unknown.words()


def test_a_job_whose_note_is_unreadable_is_as_one_that_has_not_begun(tmp_path: Path) -> None:
    job = planned(tmp_path, "0")
    job.directory.mkdir()
    (job.directory / "progress.json").write_text('{"share": 0.')
    assert job.note() is None


def test_failures_are_said_at_once_and_once(
    config: Config, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(harness.sweep.progress, "POLL_EVERY", 0.01)
    monkeypatch.setattr(harness.sweep.progress, "LINE_EVERY", 0.05)
    runs = members(config(seed=[0, 1]))
    job = planned(tmp_path, "0", runs=2)
    with Watch([job], done_before=3):
        told = JobProgress(job.directory, runs=2, steps=10)
        told.settled(runs[:1], failed(runs[:1], "RuntimeError: no oven"))
        time.sleep(0.3)
        told.settled(runs[1:], {"runs": failed(runs[1:], "x")["runs"].assign(status="ok")})
        told.done()
    lines = capsys.readouterr().err.splitlines()
    assert sum("1 of 2 runs failed: RuntimeError: no oven" in line for line in lines) == 1
    assert lines[-1].startswith("5/5 runs")
    assert len(lines) > 3  # periodic lines, where there is no terminal


@pytest.mark.parametrize(("seconds", "text"), [(None, "?"), (5, "0:05"), (65, "1:05"), (3700, "1:01:40")])
def test_clock(seconds: float | None, text: str) -> None:
    assert clock(seconds) == text
