"""One sitting of a sweep: what of it is still to be done, that one process at a time works on it, and its end."""

from __future__ import annotations

import os
import signal
import socket
import threading
from collections.abc import Sequence
from pathlib import Path

import pytest

from harness.base.errors import UserError
from harness.settings.members import members
from harness.sweeping import lock
from harness.sweeping.jobs import Job
from harness.sweeping.lock import Lock
from harness.sweeping.plan import read_plan
from harness.sweeping.progress import JobProgress, read_note
from harness.sweeping.sitting import interruptible, launch_all, still_to_do
from harness.sweeping.worker import FAILED_FAST
from harness.tables.jobs import publish
from harness.training.rows import failed, runs_table
from tests.conftest import Config


@pytest.fixture
def jobs(config: Config) -> list[Job]:
    packs = [members(config(cell=cell, seed=[0, 1, 2])) for cell in ("rnn", "gru")]
    return [Job([f"cell={runs[0].cell.name}"], runs, runs, str(number), 3) for number, runs in enumerate(packs)]


def put(directory: Path, job: Job, statuses: dict[int, str]) -> None:
    """Write tables of a job that say so of these seeds."""
    runs = [each for each in job.runs if each.seed in statuses]
    table = runs_table(runs, [{"status": statuses[each.seed], "reason": None} for each in runs])
    publish(job.folder(directory) / "tables", {**failed(runs, ""), "runs": table}, job.runs)


def left(found: Sequence[Job]) -> dict[str, list[int]]:
    return {job.name: [each.seed for each in job.todo] for job in found}


def test_what_is_asked_for_is_written_down_before_it_is_planned(tmp_path: Path, jobs: list[Job]) -> None:
    plans: list[object] = []
    found, before = still_to_do(tmp_path, jobs, lambda: plans.append(read_plan(tmp_path)), take_over=False)
    assert plans == [None]
    assert (left(found), before) == ({"0": [0, 1, 2], "1": [0, 1, 2]}, 0)
    assert read_plan(tmp_path) == {run_id: job.name for job in jobs for run_id in job.ids}


@pytest.mark.parametrize(
    ("pruned", "todo", "done"),
    [(False, {"1": [0, 1]}, "4 of 6 runs are done already"), (True, {"1": [0]}, "5 of 6 runs are done already")],
)
def test_jobs_that_are_done_are_left_out_and_the_others_hold_what_is_left(
    tmp_path: Path,
    jobs: list[Job],
    capsys: pytest.CaptureFixture[str],
    pruned: bool,
    todo: dict[str, list[int]],
    done: str,
) -> None:
    """To a search a run that was pruned is done, to a sweep it is not."""
    still_to_do(tmp_path, jobs, lambda: None, take_over=False)
    put(tmp_path, jobs[0], dict.fromkeys([0, 1, 2], "ok"))
    put(tmp_path, jobs[1], {0: "failed", 1: "pruned", 2: "diverged"})
    for job in jobs:
        (job.folder(tmp_path) / "checkpoint-1.pt").touch()
    capsys.readouterr()
    found, before = still_to_do(tmp_path, jobs, lambda: None, take_over=False, pruned=pruned)
    assert left(found) == todo
    assert before == int(done[0])
    assert capsys.readouterr().err == f"{done}\n"
    assert [job.name for job in jobs if list(job.folder(tmp_path).glob("checkpoint-*"))] == ["1"]


def test_damaged_tables_are_named_and_their_runs_are_to_be_done_again(
    tmp_path: Path, jobs: list[Job], capsys: pytest.CaptureFixture[str]
) -> None:
    still_to_do(tmp_path, jobs, lambda: None, take_over=False)
    for job in jobs:
        put(tmp_path, job, dict.fromkeys([0, 1, 2], "ok"))
    (jobs[0].folder(tmp_path) / "tables" / "runs.parquet").write_bytes(b"nothing")
    found, before = still_to_do(tmp_path, jobs, lambda: None, take_over=False)
    assert (left(found), before) == ({"0": [0, 1, 2]}, 3)
    first, second = capsys.readouterr().err.splitlines()
    assert "jobs/0/tables/runs.parquet: damaged" in first
    assert second == "3 of 6 runs are done already"


def test_all_jobs_are_launched_and_watched_and_an_earlier_failure_ends_nothing(
    tmp_path: Path, jobs: list[Job], capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "jobs").mkdir()
    (tmp_path / "jobs" / FAILED_FAST).touch()
    launched: list[list[str]] = []

    def launch(overrides: Sequence[Sequence[str]]) -> list[BaseException | None]:
        assert not (tmp_path / "jobs" / FAILED_FAST).exists()
        launched.extend(map(list, overrides))
        for job in jobs:
            told = JobProgress(job.folder(tmp_path), 3, 6)
            put(tmp_path, job, dict.fromkeys([0, 1, 2], "ok"))
            told.over = 3
            told.done()
        return [None] * len(overrides)

    assert launch_all(tmp_path, jobs, 4, launch) == []
    assert launched == [["cell=rnn", "hydra.sweep.subdir=jobs/0"], ["cell=gru", "hydra.sweep.subdir=jobs/1"]]
    assert capsys.readouterr().err.splitlines()[-1] == "10/10 runs, 0:00 left"  # with those done before
    assert read_note(jobs[0].folder(tmp_path)) is not None


def test_where_nothing_is_left_nothing_is_launched_or_shown(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    def launch(overrides: object) -> list[BaseException | None]:
        raise AssertionError

    assert launch_all(tmp_path, [], 4, launch) == []
    assert capsys.readouterr().err == ""


def test_what_a_full_disk_has_lost_is_told(tmp_path: Path, jobs: list[Job], monkeypatch: pytest.MonkeyPatch) -> None:
    """A job that cannot be written down, not even as a failure."""

    def full(*given: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("harness.sweeping.launching.publish", full)
    first = jobs[0].doing(jobs[0].runs[:1])

    def launch(overrides: object) -> list[BaseException | None]:
        JobProgress(first.folder(tmp_path), 1, 6).tick(3, 1)
        return [RuntimeError("no oven")]

    lines = launch_all(tmp_path, [first], 0, launch)
    assert lines == ["recall_dish rnn seq_len=8: 1 runs: RuntimeError: no oven"]


def test_sigterm_is_as_ctrl_c_while_a_sweep_is_worked_on_and_not_after() -> None:
    heard: list[int] = []
    before = signal.signal(signal.SIGTERM, lambda number, frame: heard.append(number))
    try:
        with pytest.raises(KeyboardInterrupt), interruptible():
            signal.raise_signal(signal.SIGTERM)
        assert heard == []
        signal.raise_signal(signal.SIGTERM)
        assert heard == [signal.SIGTERM]
    finally:
        signal.signal(signal.SIGTERM, before)


def test_in_another_thread_a_sweep_is_worked_on_without_being_told_of_signals() -> None:
    done: list[bool] = []

    def work() -> None:
        with interruptible():
            done.append(True)

    thread = threading.Thread(target=work)
    before = signal.getsignal(signal.SIGTERM)
    thread.start()
    thread.join()
    assert done == [True]
    assert signal.getsignal(signal.SIGTERM) == before


def test_a_directory_is_held_by_one_process_whose_name_the_others_are_told(tmp_path: Path) -> None:
    """Of one process two locks are as strange to each other as those of two."""
    directory = tmp_path / "new" / "out"
    me = f"process {os.getpid()} on {socket.gethostname()}"
    with Lock(directory) as held:
        assert held.path == directory / ".lock"
        for _ in range(2):  # the one that was turned away has changed nothing
            with pytest.raises(UserError) as caught, Lock(directory):
                pass
            said = f"{directory}: {me} is at work on this sweep; wait for its end, or stop it"
            assert str(caught.value) == said
    with Lock(directory):
        pass


def test_who_holds_a_directory_stands_there_whatever_stood_there_before(tmp_path: Path) -> None:
    (tmp_path / ".lock").write_text("process 1234567890 on a machine with a very long name, " * 3)
    with Lock(tmp_path):
        assert (tmp_path / ".lock").read_text() == f"process {os.getpid()} on {socket.gethostname()}"
        (tmp_path / ".lock").write_text("")
        with pytest.raises(UserError, match="another process is at work on this sweep"), Lock(tmp_path):
            pass


def test_a_directory_that_cannot_be_made_is_told_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError) as caught, Lock(tmp_path / "file" / "out"):
        pass
    assert str(caught.value) == (
        f"hydra.sweep.dir={tmp_path}/file/out: Not a directory; valid: a directory that can be written to, or made"
    )


def test_where_there_are_no_locks_there_is_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """On Windows."""
    monkeypatch.setattr(lock, "fcntl", None)
    with Lock(tmp_path) as one, Lock(tmp_path) as other:
        assert one.path == other.path
