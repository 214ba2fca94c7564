"""What is logged while a sweep runs, and that going on with one logs nothing twice."""

from __future__ import annotations

import sqlite3
import threading
import time
from collections.abc import Callable
from contextlib import closing, suppress
from pathlib import Path
from queue import Queue
from typing import Any

import pytest

import harness
from harness.tables.jobs import publish
from harness.tables.tables import Tables
from harness.trackers import Tracker, following
from harness.training.pack import Pack, run
from harness.training.rows import failed
from tests.api.test_sweeping import SMALL
from tests.conftest import Config


def wait_until(there: Callable[[], bool], seconds: float = 60) -> None:
    end = time.monotonic() + seconds
    while not there():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.02)


class Recorder(Tracker):
    """Notes what it is given; the first time, it fails."""

    name = "recorder"

    def __init__(self) -> None:
        self.broken, self.given = True, list[list[str]]()

    def log_runs(self, directory: Path, tables: Tables) -> None:
        if self.broken:
            self.broken = False
            raise OSError("no server")
        self.given.append([f"{row.seed} {row.status}" for row in tables.runs.itertuples()])
        assert set(tables.curves.run_id) <= set(tables.runs.run_id)

    def log_report(self, directory: Path, tables: Tables) -> None: ...

    def command(self, directory: Path) -> str:
        return "look"


def test_jobs_are_logged_when_they_are_done_and_again_when_they_are_done_anew(
    tmp_path: Path, config: Config, monkeypatch: pytest.MonkeyPatch
) -> None:
    from harness.settings.members import members

    monkeypatch.setattr(following, "LOOK_EVERY", 0.02)
    one, two = (members(config(seed=seed, train={"steps": 2}, probe={"every": 2})) for seed in (0, 1))
    recorder, word, said = Recorder(), Queue[str](), list[str]()
    thread = threading.Thread(target=lambda: said.append(following.follow(recorder, tmp_path, word)))
    thread.start()
    publish(tmp_path / "jobs" / "0" / "tables", failed(one, "no oven"), one)
    wait_until(lambda: len(recorder.given) == 1)
    publish(tmp_path / "jobs" / "1" / "tables", run(two), two)
    wait_until(lambda: len(recorder.given) == 2)
    publish(tmp_path / "jobs" / "0" / "tables", run(one), one)
    wait_until(lambda: len(recorder.given) == 3)
    word.put("that is all")
    thread.join()
    assert said == ["that is all"]
    assert recorder.given == [["0 failed"], ["1 ok"], ["0 ok"]]


def test_what_the_process_says_at_the_end_is_passed_on_and_an_interruption_is_not_for_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """With a process of the same interface that says what it was told and whose group it is in."""
    script = "import os, sys; print(sys.stdin.read(), 'é', os.getpgid(0) == os.getpid(), *sys.argv[1:])"
    plain = following.subprocess.Popen

    def started(words: list[str], **how: Any) -> Any:
        return plain([words[0], "-I", "-S", "-c", script, *words[3:]], **how)

    monkeypatch.setattr(following, "check_tracker", lambda name: None)
    monkeypatch.setattr(following.subprocess, "Popen", started)
    with following.Following("recorder", tmp_path) as at_work:
        at_work.finish()
    assert capsys.readouterr().err == f"report é True recorder {tmp_path}\n"


def in_tensorboard(directory: Path) -> dict[str, int]:
    """When each run was logged to its end, by its id."""
    marks = directory.glob("tensorboard/*/.logged")
    return {mark.parent.name.rpartition("-")[2]: mark.stat().st_mtime_ns for mark in marks}


def in_wandb(directory: Path) -> dict[str, int]:
    marks = directory.glob("wandb/*/.logged")
    return {mark.parent.name.rpartition("_")[2]: mark.stat().st_mtime_ns for mark in marks}


def in_mlflow(directory: Path) -> dict[str, int]:
    # Read as a file: MLflow's own client would make the tables, too, in the moment in which the logging process does.
    logged = """select id.value, runs.end_time from runs
                join tags id on id.run_uuid = runs.run_uuid and id.key = 'run_id'
                join tags outcome on outcome.run_uuid = runs.run_uuid and outcome.key = 'harness.outcome'"""
    file = f"file:{directory / 'mlflow.db'}?mode=ro"
    with suppress(sqlite3.OperationalError), closing(sqlite3.connect(file, uri=True)) as database:
        return dict(database.execute(logged).fetchall())
    return {}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "logged"), [("tensorboard", in_tensorboard), ("mlflow", in_mlflow), ("wandb", in_wandb)]
)
def test_a_sweep_is_logged_while_it_runs_and_going_on_with_it_logs_nothing_twice(
    name: str,
    logged: Callable[[Path], dict[str, int]],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    pytest.importorskip(name)
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    plain = Pack.take_gradient

    def until_the_first_is_logged(pack: Pack) -> Any:
        if pack.settings.cell.name == "lstm":
            wait_until(lambda: len(logged(tmp_path)) == 2)  # both seeds of the first job, long before the end
            raise KeyboardInterrupt
        return plain(pack)

    with monkeypatch.context() as patch:
        patch.setattr(Pack, "take_gradient", until_the_first_is_logged)
        with pytest.raises(KeyboardInterrupt):
            harness.sweep(cell=["rnn", "lstm"], seed=range(2), directory=tmp_path, tracker=name, **SMALL)
    before = logged(tmp_path)
    found = harness.sweep(resume=tmp_path, tracker=name)
    after = logged(tmp_path)
    assert set(after) == set(found.runs.run_id)
    assert before.items() <= after.items()
    assert capsys.readouterr().err.splitlines()[-1].startswith(f"logged to {name}: ")
