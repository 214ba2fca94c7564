"""Progress: what jobs tell, what the watcher makes of it."""

from __future__ import annotations

import io
import logging
import re
import sys
import time
from itertools import pairwise
from pathlib import Path
from types import SimpleNamespace

import pytest

import harness.sweeping.progress
import harness.sweeping.watch
from harness.settings.members import members
from harness.sweeping.jobs import Job
from harness.sweeping.progress import JobProgress, Note, Warnings, forget, read_note
from harness.sweeping.watch import Standing, Watch, clock
from harness.training.rows import failed
from tests.conftest import Config


def job(config: Config, name: str, runs: int) -> Job:
    made = members(config(seed=list(range(runs))))
    return Job([], made, made, name, runs)


@pytest.fixture(autouse=True)
def _every_note(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(harness.sweeping.progress, "WRITE_EVERY", 0.0)


def test_a_pack_that_was_split_counts_every_run_once(config: Config, tmp_path: Path) -> None:
    runs = members(config(seed=[0, 1, 2, 3]))
    told = JobProgress(tmp_path, runs=4, steps=10)
    told.tick(5, 4)
    note = read_note(tmp_path)
    assert note is not None
    assert note.share == 0.5
    told.runs_over(runs[:1], failed(runs[:1], "RuntimeError: no oven"))
    told.tick(5, 3)
    note = read_note(tmp_path)
    assert note is not None
    assert (note.over, note.failed, note.reason) == (1, 1, "RuntimeError: no oven")
    assert note.share == pytest.approx(1 / 4 + 3 / 4 / 2)
    told.tick(10, 3)
    note = read_note(tmp_path)
    assert note is not None
    assert note.share == 0.99, "what is left is to be written"
    told.done()
    note = read_note(tmp_path)
    assert note is not None
    assert note.share == 1


def test_a_job_that_only_measures_has_no_steps_and_tells_how_far_it_is(tmp_path: Path) -> None:
    told = JobProgress(tmp_path, runs=2, steps=0)
    told.tick(0, 2)
    note = read_note(tmp_path)
    assert note is not None
    assert note.share == 0


def test_a_note_is_written_twice_a_second_at_most(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    now = [1000.0]
    monkeypatch.setattr(harness.sweeping.progress, "WRITE_EVERY", 0.5)
    monkeypatch.setattr(harness.sweeping.progress.time, "monotonic", lambda: now[0])
    told, shares = JobProgress(tmp_path, runs=1, steps=8), []
    for step, moment in enumerate((0.0, 0.2, 0.5, 0.9, 1.0, 1.4, 2.0)):
        now[0] = 1000 + moment
        told.tick(step, 1)
        note = read_note(tmp_path)
        assert note is not None
        shares.append(note.share)
    assert shares == [0, 0, 2 / 8, 2 / 8, 4 / 8, 4 / 8, 6 / 8]


def test_what_was_told_can_be_forgotten_where_there_is_anything(tmp_path: Path) -> None:
    forget(tmp_path)
    JobProgress(tmp_path, runs=1, steps=8)
    assert read_note(tmp_path) == Note(0.0, 0, 0, "", [])
    forget(tmp_path)
    assert read_note(tmp_path) is None


def test_the_first_failure_of_a_job_is_the_one_that_is_told(config: Config, tmp_path: Path) -> None:
    runs = members(config(seed=[0, 1]))
    told = JobProgress(tmp_path, runs=2, steps=10)
    for run, reason in zip(runs, ("no oven", "no dish"), strict=True):
        told.runs_over([run], failed([run], reason))
    note = read_note(tmp_path)
    assert note is not None
    assert (note.share, note.over, note.failed, note.reason) == (0.99, 2, 2, "no oven")  # its tables are not there yet


def test_a_full_disk_costs_notes_and_nothing_else(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(path: Path, text: str) -> None:
        raise OSError("No space left on device")

    monkeypatch.setattr(harness.sweeping.progress, "write_text", full)
    JobProgress(tmp_path, runs=2, steps=10).done()
    assert read_note(tmp_path) is None


def test_two_jobs_at_work_are_named_and_others_counted(config: Config) -> None:
    jobs = [job(config, str(number), runs=1) for number in range(5)]
    label = "recall_dish rnn seq_len=8"
    for shares, words in (
        ([0.5, None, None, None, None], f"7/12 runs, 1:30 left, {label}"),
        ([0.25, 0.25, None, None, None], f"7/12 runs, 1:30 left, {label}, {label}"),
        ([0.1, 0.1, 0.1, 0.1, 0.1], f"7/12 runs, 1:30 left, {label}, {label} and 3 more"),
        ([1.0, 1.0, 0.5, None, None], f"9/12 runs, 0:10 left, {label}"),
        ([1.0] * 5, "12/12 runs, 0:00 left"),
    ):
        notes = [None if share is None else Note(share, int(share == 1), 0, "") for share in shares]
        assert Standing.of(jobs, notes, seconds=10, done_before=7).words() == words


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_a_terminal_has_one_bar_below_what_is_said(
    config: Config, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    shown = Terminal()
    monkeypatch.setattr(sys, "stderr", shown)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "120")
    monkeypatch.setattr(harness.sweeping.watch, "POLL_EVERY", 0.01)
    made = job(config, "0", runs=4)
    with Watch(tmp_path, [made], done_before=3):
        told = JobProgress(made.folder(tmp_path), runs=4, steps=10)
        told.runs_over(made.runs[:1], failed(made.runs[:1], "no [oven]"))
        end = time.monotonic() + 20
        while "4/7 runs" not in shown.getvalue() and time.monotonic() < end:
            time.sleep(0.01)
        told.runs_over(made.runs[1:], {"runs": failed(made.runs[1:], "x")["runs"].assign(status="ok")})
        told.done()
    text = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", shown.getvalue())
    assert re.search(r" 25 % 4/7 runs, \d+:\d\d left, recall_dish rnn seq_len=8", text)
    assert re.search(r"100 % 7/7 runs, 0:00 left\s*$", text)
    assert text.count("1 of 4 runs failed: no [oven]") == 1
    assert capsys.readouterr().out == ""


def test_the_time_left_is_estimated_from_the_work_of_this_sitting(config: Config, tmp_path: Path) -> None:
    jobs = [job(config, "0", runs=6), job(config, "1", runs=2)]
    JobProgress(jobs[0].folder(tmp_path), runs=6, steps=10).done()
    notes = [read_note(each.folder(tmp_path)) for each in jobs]
    standing = Standing.of(jobs, notes, seconds=30, done_before=92)
    assert standing.share == 0.75
    assert standing.seconds_left == pytest.approx(10)
    assert standing.runs == 100
    unknown = Standing.of(jobs[1:], [None], seconds=30)
    assert unknown.seconds_left is None
    assert "? left" in unknown.words()


def test_a_job_whose_note_is_unreadable_is_as_one_that_has_not_begun(tmp_path: Path) -> None:
    (tmp_path / "progress.json").write_text('{"share": 0.')
    assert read_note(tmp_path) is None


def test_failures_are_said_at_once_and_once(
    config: Config, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(harness.sweeping.watch, "POLL_EVERY", 0.01)
    monkeypatch.setattr(harness.sweeping.watch, "LINE_EVERY", 0.05)
    made = job(config, "0", runs=2)
    runs = made.runs
    with Watch(tmp_path, [made], done_before=3):
        told = JobProgress(made.folder(tmp_path), runs=2, steps=10)
        told.runs_over(runs[:1], failed(runs[:1], "RuntimeError: no oven"))
        time.sleep(0.3)
        told.runs_over(runs[1:], {"runs": failed(runs[1:], "x")["runs"].assign(status="ok")})
        told.done()
    lines = capsys.readouterr().err.splitlines()
    assert sum("1 of 2 runs failed: RuntimeError: no oven" in line for line in lines) == 1
    assert lines[-1].startswith("5/5 runs")
    assert len(lines) > 3  # periodic lines, where there is no terminal


def test_a_notebook_has_one_output_that_is_exchanged(
    config: Config, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    class ZMQInteractiveShell:
        """As IPython's, by its name."""

    shown = list[str]()

    def show(data: dict[str, str], **how: object) -> SimpleNamespace:
        shown.append(data["text/plain"])
        return SimpleNamespace(update=show)

    shell = SimpleNamespace(get_ipython=ZMQInteractiveShell)
    monkeypatch.setitem(sys.modules, "IPython", shell)  # type: ignore[arg-type]
    monkeypatch.setitem(sys.modules, "IPython.display", SimpleNamespace(display=show))  # type: ignore[arg-type]
    monkeypatch.setattr(harness.sweeping.watch, "POLL_EVERY", 0.01)
    made = job(config, "0", runs=2)
    with Watch(tmp_path, [made]):
        told = JobProgress(made.folder(tmp_path), runs=2, steps=10)
        told.runs_over(made.runs[:1], {"runs": failed(made.runs[:1], "x")["runs"].assign(status="ok")})
        time.sleep(0.2)
        told.runs_over(made.runs[1:], {"runs": failed(made.runs[1:], "x")["runs"].assign(status="ok")})
        told.done()
    assert any(re.search(f"^{'━' * 12}{'─' * 13} 1/2 runs, \\d+:\\d\\d", text) for text in shown)
    assert re.fullmatch(f"{'━' * 25} 2/2 runs, took \\d+:\\d\\d", shown[-1])
    assert all(before != after for before, after in pairwise(shown))  # what has not changed is not shown again
    assert capsys.readouterr().err == ""


def test_what_jobs_warn_of_is_said_once_a_sweep(
    config: Config, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(harness.sweeping.watch, "POLL_EVERY", 0.01)
    jobs = [job(config, str(number), runs=1) for number in range(3)]
    with Watch(tmp_path, jobs):
        for each in jobs:
            told = JobProgress(each.folder(tmp_path), runs=1, steps=10)
            with Warnings(told):
                logging.getLogger("harness.engine").warning("no compiled %s", "kernels")
                logging.getLogger("harness.engine").info("nothing of note")
            logging.getLogger("harness.engine").warning("after the job")
            told.done()
    lines = capsys.readouterr().err.splitlines()
    assert [line for line in lines if line.startswith("harness")] == ["harness: no compiled kernels"]


@pytest.mark.parametrize(("seconds", "text"), [(None, "?"), (5, "0:05"), (65, "1:05"), (3700, "1:01:40")])
def test_clock(seconds: float | None, text: str) -> None:
    assert clock(seconds) == text
