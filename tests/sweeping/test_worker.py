"""The work of one job, in this process: what becomes of its runs, and what it leaves in its directory."""

from __future__ import annotations

import errno
import logging
import math
import signal
from collections.abc import Callable, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pandas as pd
import pytest
import torch
from omegaconf import OmegaConf

from harness.settings.members import members
from harness.settings.settings import Settings
from harness.sweeping import worker
from harness.sweeping.progress import read_note
from harness.sweeping.pruning import FILE as PRUNING
from harness.sweeping.pruning import Judge, Past, Pruning
from harness.sweeping.worker import run_job
from harness.tables.storage import read_table
from harness.training.keeping import Keeper
from harness.training.pack import never
from harness.training.rows import failed, runs_table
from tests.conftest import Config

Frames = dict[str, pd.DataFrame]


class Trainer:
    """What trains packs in these tests: each run's loss is its seed; it notes what it was given, and may do more."""

    def __init__(self) -> None:
        self.packs: list[list[int]] = []
        self.given: list[Any] = []
        self.does: Callable[..., object] = lambda runs, tick, checkpoint: None

    def __call__(self, runs: Sequence[Settings], tick: Any, checkpoint: Any, hopeless: Any, keeper: Any) -> Frames:
        self.packs.append([each.seed for each in runs])
        self.given.append((checkpoint, hopeless, keeper))
        self.does(runs, tick, checkpoint)
        outcomes = [{"status": "ok", "loss": float(each.seed)} for each in runs]
        return {**failed(runs, ""), "runs": runs_table(runs, outcomes)}


@pytest.fixture
def trainer(monkeypatch: pytest.MonkeyPatch) -> Trainer:
    made = Trainer()
    monkeypatch.setattr(worker, "run", made)
    return made


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "jobs" / "7"
    made.mkdir(parents=True)
    return made


@pytest.fixture
def work(config: Config, folder: Path) -> Callable[..., float]:
    """Does the job of the seeds 1 to 4, or of others, with these options."""

    def job(**changes: Any) -> float:
        how = {name: changes.pop(name, {}) for name in ("sweep", "checkpoint", "keep", "report")}
        return run_job(folder, OmegaConf.create({**config(**{"seed": [1, 2, 3, 4], **changes}), **how}))

    return job


def statuses(folder: Path) -> dict[int, str]:
    table = read_table(folder / "tables" / "runs.parquet")
    return dict(zip(table.seed, table.status, strict=True))


def breaks(seed: int, error: BaseException) -> Callable[..., None]:
    """Raise where a pack holds this seed."""

    def happens(runs: Sequence[Settings], *rest: object) -> None:
        if seed in [each.seed for each in runs]:
            raise error

    return happens


def test_a_job_is_worth_the_mean_of_what_is_asked_for(work: Callable[..., float], folder: Path) -> None:
    """With a real training: its loss stands in its table."""
    found = work(seed=[0, 1], keep={"weights": True})
    table = read_table(folder / "tables" / "runs.parquet")
    assert found == pytest.approx((table.loss[0] + table.loss[1]) / 2, rel=1e-12)
    assert table.loss[0] != table.loss[1]
    assert sorted(path.name for path in folder.glob("weights/*")) == sorted(
        f"{each}.safetensors" for each in table.run_id
    )


def test_all_runs_of_a_job_train_together_and_its_last_note_says_that_it_is_done(
    trainer: Trainer, work: Callable[..., float], folder: Path
) -> None:
    assert work() == 2.5
    assert trainer.packs == [[1, 2, 3, 4]]
    assert statuses(folder) == dict.fromkeys([1, 2, 3, 4], "ok")
    note = read_note(folder)
    assert note is not None
    assert (note.share, note.over, note.failed, note.reason) == (1.0, 4, 0, "")
    assert not (folder.parent / worker.FAILED_FAST).exists()


def test_another_column_may_be_what_is_asked_for(trainer: Trainer, work: Callable[..., float]) -> None:
    assert math.isnan(work(sweep={"objective": "accuracy"}))  # this trainer says nothing of it


def test_a_job_tells_how_far_its_runs_are_by_the_steps_of_all(
    trainer: Trainer, work: Callable[..., float], folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("harness.sweeping.progress.WRITE_EVERY", 0.0)
    shares = []

    def ticks(runs: Sequence[Settings], tick: Callable[[int], None], checkpoint: object) -> None:
        for step in (0, 2, 6):
            tick(step)
            note = read_note(folder)
            assert note is not None
            shares.append(note.share)
        if len(runs) == 4:
            raise RuntimeError("no oven")

    trainer.does = ticks
    work(train={"steps": 6})
    halves = [0.0, 2 / 6 / 2, 0.5]
    assert shares == pytest.approx([0, 2 / 6, 0.99, *halves, *(0.5 + each for each in halves[:2]), 0.99])


def test_a_run_that_fails_stands_alone_in_the_end_and_the_job_is_worth_nothing(
    trainer: Trainer, work: Callable[..., float], folder: Path
) -> None:
    trainer.does = breaks(3, RuntimeError("no oven"))
    assert math.isnan(work())
    assert trainer.packs == [[1, 2, 3, 4], [1, 2], [3, 4], [3], [4]]
    assert statuses(folder) == {1: "ok", 2: "ok", 3: "failed", 4: "ok"}
    note = read_note(folder)
    assert note is not None
    assert (note.over, note.failed, note.reason) == (4, 1, "RuntimeError: no oven")
    assert not (folder.parent / worker.FAILED_FAST).exists()  # nobody has asked for an end


def test_with_fail_fast_the_rest_is_left_and_no_further_job_begins(
    trainer: Trainer, work: Callable[..., float], folder: Path
) -> None:
    trainer.does = breaks(2, RuntimeError("no oven"))
    assert math.isnan(work(sweep={"fail_fast": True}))
    assert statuses(folder) == {1: "ok", 2: "failed"}
    assert (folder.parent / worker.FAILED_FAST).exists()
    trainer.packs.clear()
    assert math.isnan(work(sweep={"fail_fast": True}))
    assert trainer.packs == []
    assert work() != 0  # nobody asks any more
    assert trainer.packs[0] == [1, 2, 3, 4]


def test_with_fail_fast_a_job_without_failures_stops_nobody(
    trainer: Trainer, work: Callable[..., float], folder: Path
) -> None:
    assert work(sweep={"fail_fast": True}) == 2.5
    assert not (folder.parent / worker.FAILED_FAST).exists()


def test_of_a_job_that_goes_on_only_what_is_left_is_done(
    trainer: Trainer, work: Callable[..., float], folder: Path, config: Config
) -> None:
    left = [each.run_id for each in members(config(seed=[2, 4]))]
    assert work(sweep={"only": left}) == 3.0
    assert trainer.packs == [[2, 4]]
    assert statuses(folder) == {2: "ok", 4: "ok"}
    assert work(sweep={"only": [each.run_id for each in members(config(seed=[1, 3]))]}) == 2.0
    assert list(statuses(folder)) == [1, 2, 3, 4]  # in the order of the job, what is there stays


def test_checkpoints_are_each_packs_own_and_gone_in_the_end(
    trainer: Trainer, work: Callable[..., float], folder: Path
) -> None:
    def leaves(runs: Sequence[Settings], tick: object, checkpoint: Any) -> None:
        checkpoint.path.touch()
        if len(runs) == 4:
            raise RuntimeError("no oven")

    trainer.does = leaves
    work(checkpoint={"every": 7})
    paths = [checkpoint.path for checkpoint, *_ in trainer.given]
    assert len(set(paths)) == 3
    assert {path.parent for path in paths} == {folder}
    assert [checkpoint.every for checkpoint, *_ in trainer.given] == [7, 7, 7]
    assert not list(folder.glob("checkpoint-*"))
    work(checkpoint={"every": None})
    assert trainer.given[-1][0].every == 0


def test_ctrl_c_is_told_to_the_checkpoint_and_ends_the_job_between_two_steps(
    trainer: Trainer, work: Callable[..., float], folder: Path
) -> None:
    asked = []

    def interrupted(runs: object, tick: Callable[[int], None], checkpoint: Any) -> None:
        asked.append(checkpoint.wanted())
        signal.raise_signal(signal.SIGTERM)
        asked.append(checkpoint.wanted())
        tick(1)

    trainer.does = interrupted
    with pytest.raises(KeyboardInterrupt):
        work()
    assert asked == [False, True]
    assert not (folder / "tables").exists()


@pytest.mark.parametrize(("every", "ended_at"), [(100, 4), (None, 3)])
def test_who_asks_to_stop_after_it_was_decided_whether_to_save_is_heard_at_the_next_step(
    monkeypatch: pytest.MonkeyPatch, work: Callable[..., float], folder: Path, every: int | None, ended_at: int
) -> None:
    """What was done until then is saved; where nothing is saved, there is nothing to wait for."""
    steps = []

    def asked(progress: object, step: int, runs: int) -> None:
        steps.append(step)
        if step == 3:
            signal.raise_signal(signal.SIGTERM)

    monkeypatch.setattr("harness.sweeping.progress.JobProgress.tick", asked)
    with pytest.raises(KeyboardInterrupt):
        work(checkpoint={"every": every}, train={"steps": 6})
    assert steps[-1] == ended_at
    saved = [torch.load(path, weights_only=True)["step"] for path in folder.glob("checkpoint-*")]
    assert saved == ([ended_at] if every else [])


@pytest.mark.parametrize("every", [100, None])
def test_who_asks_to_stop_at_the_last_step_is_heard_there(
    monkeypatch: pytest.MonkeyPatch, work: Callable[..., float], every: int | None
) -> None:
    tick = lambda progress, step, runs: step == 6 and signal.raise_signal(signal.SIGTERM)  # noqa: E731
    monkeypatch.setattr("harness.sweeping.progress.JobProgress.tick", tick)
    with pytest.raises(KeyboardInterrupt):
        work(checkpoint={"every": every}, train={"steps": 6})


def test_a_pack_over_its_time_is_ended_between_two_steps(
    trainer: Trainer, work: Callable[..., float], folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By a clock on which each step of the second run takes a minute: each pack begins anew."""
    now = [1000.0]
    monkeypatch.setattr("harness.training.stopping.time", SimpleNamespace(monotonic=lambda: now[0]))
    ticked = []

    def slow(runs: Sequence[Settings], tick: Callable[[int], None], checkpoint: object) -> None:
        for step in range(3):
            now[0] += 60 if 2 in [each.seed for each in runs] else 30
            tick(step)
            ticked.append(len(runs))

    trainer.does = slow
    work(seed=[1, 2], sweep={"timeout": 100})
    assert ticked == [2, 1, 1, 1, 1]  # of both, of the first, of the second
    assert statuses(folder) == {1: "ok", 2: "failed"}
    (reason,) = read_table(folder / "tables" / "runs.parquet").reason.dropna()
    assert reason == "TimedOut: took longer than sweep.timeout=100 seconds"


@pytest.mark.parametrize(
    ("keep", "kept"), [({}, None), ({"weights": True}, ["last"]), ({"best": True}, ["last", "best"])]
)
def test_weights_are_kept_where_that_is_asked_for(
    trainer: Trainer, work: Callable[..., float], folder: Path, keep: dict[str, bool], kept: list[str] | None
) -> None:
    work(keep=keep)
    keeper = trainer.given[0][2]
    if kept is None:
        assert keeper is None
    else:
        assert isinstance(keeper, Keeper)
        assert (keeper.folder, list(keeper.kept)) == (folder, kept)


def test_a_trial_is_judged_as_long_as_it_is_there_as_a_whole(
    trainer: Trainer, work: Callable[..., float], folder: Path, config: Config
) -> None:
    pytest.importorskip("optuna", minversion="4.0")
    pruning = Pruning("MedianPruner", {}, "loss", "minimize", "made", 1, [Past("COMPLETE", 1.0, {"1": 1.0}, {})])
    pruning.write(folder)
    trainer.does = breaks(4, RuntimeError("no oven"))
    work(sweep={"pruning": True})
    judged = [isinstance(getattr(hopeless, "__self__", None), Judge) for _, hopeless, _ in trainer.given]
    assert judged == [True, False, False, False, False]  # halves are no whole
    assert not (folder / PRUNING).exists()
    trainer.given.clear()
    pruning.write(folder)
    work(sweep={"pruning": True, "only": [each.run_id for each in members(config(seed=[2, 3]))]})
    work()
    assert [hopeless for _, hopeless, _ in trainer.given[:1]] == [never]
    assert all(hopeless is never for _, hopeless, _ in trainer.given)


def test_what_a_job_warns_of_is_told_while_it_trains(
    trainer: Trainer, work: Callable[..., float], folder: Path
) -> None:
    trainer.does = lambda *rest: logging.getLogger("harness.engine").warning("no compiled kernels")
    work()
    logging.getLogger("harness.engine").warning("afterwards")
    note = read_note(folder)
    assert note is not None
    assert note.warnings == ["no compiled kernels"]


def test_tables_that_cannot_be_written_leave_a_note_of_the_failure(
    trainer: Trainer, work: Callable[..., float], folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write, calls = worker.publish, []

    def full(*given: Any) -> None:
        calls.append(given[0])
        if len(calls) == 1:
            raise OSError(errno.ENOSPC, "No space left on device")
        write(*given)

    monkeypatch.setattr(worker, "publish", full)
    assert math.isnan(work())
    table = read_table(folder / "tables" / "runs.parquet")
    assert table.status.tolist() == ["failed"] * 4
    assert table.reason.str.contains("No space left on device").all()
    note = read_note(folder)
    assert note is not None
    assert (note.share, note.over, note.failed) == (1.0, 4, 4)


def test_a_log_that_cannot_be_written_is_no_error_of_the_runs(
    trainer: Trainer, work: Callable[..., float], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    class Full(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            self.handleError(record)

    monkeypatch.setattr(logging, "raiseExceptions", True)
    log, handler = logging.getLogger("harness.sweeping"), Full()
    log.addHandler(handler)
    try:
        trainer.does = breaks(3, RuntimeError("no oven"))
        work()
    finally:
        log.removeHandler(handler)
    assert "Traceback" not in capsys.readouterr().err


@pytest.mark.parametrize(("granted", "threads"), [("3", [3]), (None, [])])
def test_a_job_uses_the_cores_that_slurm_has_granted(
    trainer: Trainer,
    work: Callable[..., float],
    monkeypatch: pytest.MonkeyPatch,
    granted: str | None,
    threads: list[int],
) -> None:
    told: list[int] = []
    monkeypatch.setattr(torch, "set_num_threads", told.append)
    if granted:
        monkeypatch.setenv("SLURM_CPUS_PER_TASK", granted)
    else:
        monkeypatch.delenv("SLURM_CPUS_PER_TASK", raising=False)
    work()
    assert told == threads
