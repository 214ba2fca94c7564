"""Launching: a launcher that loses jobs, in this process, with jobs that only pretend to run."""

from __future__ import annotations

import errno
import json
import os
from collections.abc import Callable, Sequence
from pathlib import Path

import pandas as pd
import pytest

from harness.base.errors import TooLong, UserError
from harness.settings.members import members
from harness.settings.settings import Settings
from harness.sweeping.jobs import Job
from harness.sweeping.launching import Launching
from harness.sweeping.worker import isolated
from harness.tables.jobs import publish
from harness.tables.storage import read_table
from harness.training.rows import failed, runs_table
from tests.conftest import Config


class Pool:
    """A launcher. A job with a killer among its runs takes the whole launch with it, as a pool of processes does."""

    def __init__(self, directory: Path, jobs: Sequence[Job], kills: Callable[[Settings], bool], error: Exception):
        self.directory, self.kills, self.error = directory, kills, error
        self.jobs = {job.name: job for job in jobs}
        self.launched: list[list[str]] = []

    def launch(self, overrides: Sequence[Sequence[str]]) -> list[BaseException | None]:
        self.launched.append([])
        for each in overrides:
            name = next(text for text in each if text.startswith("hydra.sweep.subdir")).rpartition("/")[2]
            job, folder = self.jobs[name], self.directory / "jobs" / name
            only = [text for text in each if text.startswith("+sweep.only")]
            runs = [run for run in job.runs if not only or run.run_id in only[0]]
            self.launched[-1].append(name)
            folder.mkdir(parents=True, exist_ok=True)
            note = {"share": 0.0, "over": 0, "failed": 0, "reason": ""}
            (folder / "progress.json").write_text(json.dumps(note))
            if any(map(self.kills, runs)):
                raise self.error
            publish(folder / "tables", ok(runs), job.runs)
            (folder / "progress.json").write_text(json.dumps({**note, "share": 1.0}))
        return [None] * len(overrides)


def ok(runs: Sequence[Settings]) -> dict[str, pd.DataFrame]:
    return {**failed(runs, ""), "runs": runs_table(runs, [{"status": "ok"}] * len(runs))}


@pytest.fixture
def jobs(config: Config) -> list[Job]:
    packs = [members(config(cell=cell, seed=[0, 1, 2, 3, 4])) for cell in ("rnn", "gru", "lstm")]
    return [Job([], runs, runs, str(number), len(runs)) for number, runs in enumerate(packs)]


def statuses(directory: Path) -> dict[tuple[str, int], str]:
    runs = pd.concat(read_table(path) for path in sorted(directory.glob("jobs/*/tables/runs.parquet")))
    assert runs.run_id.is_unique
    return dict(zip(zip(runs.cell, runs.seed, strict=True), runs.status, strict=True))


def launched(directory: Path, jobs: list[Job], kills: Callable[[Settings], bool], error: Exception) -> Launching:
    launching = Launching(Pool(directory, jobs, kills, error).launch, directory)
    launching.all(jobs)
    return launching


@pytest.mark.parametrize("cell", ["rnn", "gru", "lstm"])
@pytest.mark.parametrize("seed", [0, 2, 4])
def test_the_one_run_that_kills_its_worker_is_found_and_all_others_are_done(
    tmp_path: Path, jobs: list[Job], cell: str, seed: int
) -> None:
    launched(
        tmp_path, jobs, lambda run: (run.cell.name, run.seed) == (cell, seed), RuntimeError("worker died\nSIGKILL")
    )
    found = statuses(tmp_path)
    assert {key for key, status in found.items() if status == "failed"} == {(cell, seed)}
    assert len(found) == 15
    (folder,) = (tmp_path / "jobs" / str(number) / "tables" for number, job in enumerate(jobs)
                 if job.runs[0].cell.name == cell)  # fmt: skip
    table = read_table(folder / "runs.parquet")
    assert table.seed.tolist() == [0, 1, 2, 3, 4]
    assert table.reason.dropna().tolist() == ["RuntimeError: worker died"]


def test_a_worker_that_is_killed_once_is_no_culprit(tmp_path: Path, jobs: list[Job]) -> None:
    times = iter([True])
    launched(tmp_path, jobs, lambda run: run.cell.name == "gru" and next(times, False), RuntimeError("killed"))
    assert set(statuses(tmp_path).values()) == {"ok"}


def test_a_launcher_that_starts_nothing_is_told_as_such(tmp_path: Path, jobs: list[Job]) -> None:
    def broken(overrides: object) -> list[BaseException | None]:
        raise RuntimeError("no sbatch here")

    with pytest.raises(UserError, match="hydra/launcher: no job could be started: RuntimeError: no sbatch here"):
        Launching(broken, tmp_path).all(jobs)


def test_a_job_over_its_time_limit_goes_on_from_its_checkpoint_or_is_halved(
    tmp_path: Path, jobs: list[Job], capsys: pytest.CaptureFixture[str]
) -> None:
    """The pool's limit lets no more than two runs of gru be done; lstm has saved its state when it comes to its own."""
    saved = tmp_path / "jobs" / "2" / "checkpoint-1.pt"

    def too_long(run: Settings) -> bool:
        if run.cell.name == "lstm" and not saved.exists():
            saved.touch()
            return True
        return run.cell.name == "gru" and run.seed == 0 and len(pool.launched) < 4

    pool = Pool(tmp_path, jobs, too_long, TooLong("took longer than 5 minutes"))
    for job in jobs:  # one by one: here a job over its limit ends the whole launch
        Launching(pool.launch, tmp_path).all([job])
    assert set(statuses(tmp_path).values()) == {"ok"}
    assert pool.launched == [["0"], *[["1"]] * 5, ["2"], ["2"]]
    assert capsys.readouterr().err.splitlines() == [
        "recall_dish gru seq_len=8: took longer than 5 minutes; it is halved",
        "recall_dish gru seq_len=8: took longer than 5 minutes; it is halved",
        "recall_dish lstm seq_len=8: took longer than 5 minutes; it goes on from its checkpoint",
    ]


def test_a_job_that_comes_no_further_within_its_time_limit_is_not_launched_for_ever(
    tmp_path: Path, jobs: list[Job], capsys: pytest.CaptureFixture[str]
) -> None:
    """It saves its state twice, and then starts too slowly to do anything within its limit."""
    saved, stuck = tmp_path / "jobs" / "0" / "checkpoint-1.pt", TooLong("took longer than 5 minutes")
    single = Job([], jobs[0].runs[:1], jobs[0].runs[:1], "0", 1)

    def too_long(run: Settings) -> bool:
        if len(pool.launched) <= 2:
            saved.write_text("")
            os.utime(saved, ns=(0, len(pool.launched)))
        return True

    pool = Pool(tmp_path, [single], too_long, stuck)
    Launching(pool.launch, tmp_path).all([single])
    assert len(pool.launched) == 3
    assert list(statuses(tmp_path).values()) == ["failed"]
    said = "recall_dish rnn seq_len=8: took longer than 5 minutes; it goes on from its checkpoint"
    assert capsys.readouterr().err.splitlines() == [said, said]


def test_a_full_disk_is_not_tried_again_and_again(tmp_path: Path, jobs: list[Job]) -> None:
    full = OSError(errno.ENOSPC, "No space left on device")
    pool = Pool(tmp_path, jobs, lambda run: run.cell.name == "gru", full)
    Launching(pool.launch, tmp_path).all(jobs)
    assert {key[0] for key, status in statuses(tmp_path).items() if status == "failed"} == {"gru"}
    assert sum(map(len, pool.launched)) <= 5


@pytest.mark.parametrize("culprits", [{0}, {6}, {2, 3}, set(range(7))])
def test_members_that_raise_end_up_alone(config: Config, culprits: set[int]) -> None:
    runs = members(config(seed=[0, 1, 2, 3, 4, 5, 6]))

    def attempt(pack: Sequence[Settings]) -> dict[str, pd.DataFrame]:
        if culprits & {each.seed for each in pack}:
            raise ValueError("no oven")
        return ok(pack)

    found = pd.concat([frames["runs"] for frames in isolated(runs, attempt)])
    assert found.seed.tolist() == list(range(7))
    assert set(found[found.status == "failed"].seed) == culprits
    assert set(found.reason.dropna()) <= {"ValueError: no oven"}


def test_with_fail_fast_a_pack_ends_at_the_first_run_that_fails(config: Config) -> None:
    runs, tried = members(config(seed=[0, 1, 2, 3, 4, 5, 6])), []

    def attempt(pack: Sequence[Settings]) -> dict[str, pd.DataFrame]:
        tried.append({each.seed for each in pack})
        if {3, 5} & tried[-1]:
            raise ValueError("no oven")
        return ok(pack)

    found = pd.concat([frames["runs"] for frames in isolated(runs, attempt, fail_fast=True)])
    assert found.status.tolist() == ["ok", "ok", "ok", "failed"]
    assert found.seed.tolist() == [0, 1, 2, 3]
    assert tried[-1] == {3}


def test_what_of_a_job_was_done_before_stays_in_its_place(config: Config, tmp_path: Path) -> None:
    runs, folder = members(config(seed=[0, 1, 2, 3])), tmp_path / "jobs" / "0" / "tables"
    publish(folder, {**ok(runs), "runs": runs_table(runs, [{"status": "failed", "reason": "x"}] * 4)}, runs)
    publish(folder, ok([runs[3], runs[1]]), runs)
    table = read_table(folder / "runs.parquet")
    assert table.seed.tolist() == [0, 1, 2, 3]
    assert table.status.tolist() == ["failed", "ok", "failed", "ok"]
    assert table.job.tolist() == ["0"] * 4


class Scripted:
    """A launcher that follows a script: of each launch, by job, how far it gets (None: nowhere) and its error."""

    def __init__(self, directory: Path, *script: dict[str, tuple[float | None, BaseException | None]]):
        self.directory, self.script = directory, list(script)
        self.launched: list[list[str]] = []

    def launch(self, overrides: Sequence[Sequence[str]]) -> list[BaseException | None]:
        names = [each[-1].rpartition("/")[2] for each in overrides]
        self.launched.append(names)
        acts = self.script.pop(0)
        errors = []
        for name in names:
            share, error = acts[name]
            errors.append(error)
            folder = self.directory / "jobs" / name
            folder.mkdir(parents=True, exist_ok=True)
            assert not (folder / "progress.json").exists()  # what an earlier launch told is forgotten
            if share is not None:
                note = {"share": share, "over": 0, "failed": 0, "reason": ""}
                (folder / "progress.json").write_text(json.dumps(note))
        return errors


LOST, FULL = RuntimeError("lost"), OSError(errno.ENOSPC, "No space left on device")
OK = (1.0, None)


def one_run_each(jobs: list[Job]) -> list[Job]:
    return [Job([], job.runs[:1], job.runs[:1], job.name, 1) for job in jobs]


def follow(tmp_path: Path, jobs: list[Job], *script: dict[str, tuple[float | None, BaseException | None]]) -> Launching:
    scripted = Scripted(tmp_path, *script)
    launching = Launching(scripted.launch, tmp_path)
    launching.all(jobs)
    assert not scripted.script
    launching.lost.append(str(scripted.launched))
    return launching


def test_a_job_whose_launcher_reports_a_failure_is_launched_alone_and_then_recorded(
    tmp_path: Path, jobs: list[Job]
) -> None:
    found = follow(
        tmp_path, one_run_each(jobs), {"0": OK, "1": (0.5, LOST), "2": OK}, {"1": (0.0, RuntimeError("again"))}
    )
    assert found.lost == ["[['0', '1', '2'], ['1']]"]
    assert statuses(tmp_path) == {("gru", 0): "failed"}
    assert read_table(tmp_path / "jobs/1/tables/runs.parquet").reason.tolist() == ["RuntimeError: again"]


def test_a_job_that_had_written_its_tables_when_it_was_lost_is_done(tmp_path: Path, jobs: list[Job]) -> None:
    found = follow(tmp_path, one_run_each(jobs), {"0": (1.0, LOST), "1": (0.99, LOST), "2": OK}, {"1": (1.0, LOST)})
    assert found.lost == ["[['0', '1', '2'], ['1']]"]
    assert not list(tmp_path.glob("jobs/*/tables"))


def test_jobs_that_never_began_are_launched_again_together(tmp_path: Path, jobs: list[Job]) -> None:
    found = follow(tmp_path, one_run_each(jobs), {"0": (None, LOST), "1": OK, "2": (None, LOST)}, {"0": OK, "2": OK})
    assert found.lost == ["[['0', '1', '2'], ['0', '2']]"]


def test_one_launch_that_starts_nothing_is_tried_again_and_two_in_a_row_are_an_error(
    tmp_path: Path, jobs: list[Job]
) -> None:
    two, nothing = one_run_each(jobs)[:2], {"0": (None, LOST), "1": (None, LOST)}
    follow(tmp_path / "a", two, nothing, {"0": (None, LOST), "1": OK}, {"0": (None, LOST)}, {"0": OK})
    with pytest.raises(UserError, match="no job could be started: RuntimeError: lost"):
        follow(tmp_path / "b", two, nothing, {"0": (None, LOST), "1": (None, RuntimeError("later"))})
    # One that began and was lost is a start, too.
    follow(tmp_path / "c", two, nothing, {"0": (None, LOST), "1": (0.1, LOST)}, {"0": OK}, {"1": OK})


def test_what_a_full_disk_has_ended_is_recorded_where_it_began_and_tried_once_more_where_not(
    tmp_path: Path, jobs: list[Job]
) -> None:
    found = follow(
        tmp_path, jobs, {"0": (0.5, FULL), "1": (None, FULL), "2": (0.5, OSError(errno.ENOENT, "gone"))},
        {"1": (None, FULL)}, {"2": (1.0, None)},
    )  # fmt: skip
    assert found.lost == ["[['0', '1', '2'], ['1'], ['2']]"]
    assert set(statuses(tmp_path)) == {(cell, seed) for cell in ("rnn", "gru") for seed in range(5)}
    assert set(statuses(tmp_path).values()) == {"failed"}


def test_a_failure_that_cannot_even_be_written_is_told(
    tmp_path: Path, jobs: list[Job], monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_room(*arguments: object) -> None:
        raise FULL

    monkeypatch.setattr("harness.sweeping.launching.publish", no_room)
    found = follow(tmp_path, jobs[:1], {"0": (0.5, FULL)})
    assert found.lost[0] == ("recall_dish rnn seq_len=8: 5 runs: OSError: [Errno 28] No space left on device")


def test_halves_of_a_culprit_are_launched_until_it_stands_alone(tmp_path: Path, jobs: list[Job]) -> None:
    pool = Pool(tmp_path, jobs[:1], lambda run: run.seed == 3, RuntimeError("killed"))
    Launching(pool.launch, tmp_path).all(jobs[:1])
    assert len(pool.launched) == 1 + 1 + 2 + 2 + 2  # together, alone, 2 + 3, 1 + 2, 1 + 1
    assert statuses(tmp_path) == {("rnn", seed): "failed" if seed == 3 else "ok" for seed in range(5)}


def test_who_asks_to_stop_is_not_taken_for_a_failure(tmp_path: Path, jobs: list[Job]) -> None:
    def stopped(overrides: object) -> list[BaseException | None]:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        Launching(stopped, tmp_path).all(jobs)


def test_after_the_first_failure_the_rest_is_left_where_that_is_wanted(config: Config) -> None:
    runs = members(config(seed=[0, 1, 2, 3]))
    attempted: list[list[int]] = []

    def attempt(pack: Sequence[Settings]) -> dict[str, pd.DataFrame]:
        attempted.append([each.seed for each in pack])
        if any(each.seed == 1 for each in pack):
            raise ValueError("no oven")
        return ok(pack)

    over: list[tuple[list[int], list[str]]] = []

    def note(pack: Sequence[Settings], frames: dict[str, pd.DataFrame]) -> None:
        over.append(([each.seed for each in pack], frames["runs"].status.tolist()))

    found = isolated(runs, attempt, note, fail_fast=True)
    assert attempted == [[0, 1, 2, 3], [0, 1], [0], [1]]
    assert over == [([0], ["ok"]), ([1], ["failed"])]
    assert pd.concat([frames["runs"] for frames in found]).seed.tolist() == [0, 1]
    attempted.clear()
    over.clear()
    isolated(runs, attempt, note)
    assert attempted == [[0, 1, 2, 3], [0, 1], [0], [1], [2, 3]]
    assert over == [([0], ["ok"]), ([1], ["failed"]), ([2, 3], ["ok", "ok"])]


def test_ctrl_c_within_a_pack_ends_it_and_a_plugin_that_exits_does_not(config: Config) -> None:
    def interrupts(pack: Sequence[Settings]) -> dict[str, pd.DataFrame]:
        raise KeyboardInterrupt

    def exits(pack: Sequence[Settings]) -> dict[str, pd.DataFrame]:
        raise SystemExit(3)

    runs = members(config(seed=[0, 1]))
    with pytest.raises(KeyboardInterrupt):
        isolated(runs, interrupts)
    assert pd.concat([frames["runs"] for frames in isolated(runs, exits)]).status.tolist() == ["failed", "failed"]
