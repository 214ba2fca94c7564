from __future__ import annotations

import os
import signal
from collections.abc import Iterator

import numpy as np
import pytest

from harness.base.errors import UserError
from harness.bench.steps import Teams, check, measure
from harness.bench.ways import OURS, WAYS, Problem, Setting, settings, usable_cores
from harness.bench.workers import First, Team, Turn

PROBLEM = Problem("rnn", (3, 5, 4, 2))
CORES = usable_cores()


def team(way: str, processes: int = 1, patience: float = 120) -> Team:
    # Where nothing is measured, processes may share a core.
    return Team(way, Setting(processes, 1), CORES * processes, patience=patience)


@pytest.fixture(scope="module")
def ours() -> Iterator[Team]:
    made = team("a")
    yield made
    made.close()


@pytest.fixture(scope="module")
def divided() -> Iterator[Team]:
    made = team("c", processes=2)
    yield made
    made.close()


def test_a_peer_runs_with_one_thread_with_all_and_with_a_process_per_core() -> None:
    assert [str(each) for each in settings("c", members=9, cores=4)] == ["1×1", "1×4", "4×1"]
    assert settings("e", members=3, cores=4)[-1] == Setting(3, 1)
    assert settings("d", members=1, cores=2) == [Setting(1, 1), Setting(1, 2)]
    assert settings("f", members=9, cores=1) == [Setting(1, 1)]


@pytest.mark.parametrize("way", OURS)
def test_ours_runs_as_the_harness_does(way: str) -> None:
    assert settings(way, members=9, cores=4) == [Setting(1, 4)]


def test_a_gpu_is_shared_by_no_processes() -> None:
    assert all(settings(way, 9, cores=8, device="cuda") == [Setting(1, 8)] for way in WAYS)


def test_members_divided_among_processes_compute_what_they_do_together(ours: Team, divided: Team) -> None:
    found = {ours: ours.first(PROBLEM), divided: divided.first(PROBLEM)}
    check(found)
    expected, own = (each.norms for each in found.values())
    assert expected is not None
    assert own is not None
    assert own.shape == expected.shape == (3, 5, 4)


def test_every_team_is_measured_and_the_best_setting_of_a_way_taken(
    ours: Team, divided: Team, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = measure([ours, divided], PROBLEM, repeats=3)
    assert [(row["way"], row["processes"], row["threads"]) for row in rows] == [("a", 1, 1), ("c", 2, 1)]
    assert all(0 < row["ms_q25"] <= row["ms"] <= row["ms_q75"] for row in rows)
    assert all(row["cpu_ms"] > 0 for row in rows)
    times = iter([5.0, 3.0, 7.0, 1.0, 6.0, 2.0])
    monkeypatch.setattr(Team, "turn", lambda team: Turn(ms := next(times), 10 - ms))
    slow, quick = measure([divided, divided_twin(divided)], PROBLEM, repeats=3)
    assert (slow["ms"], slow["cpu_ms"], slow["taken"]) == (6, 4, False)
    assert (quick["ms"], quick["cpu_ms"], quick["taken"], quick["samples_per_s"]) == (2, 8, True, 6000)


def divided_twin(team: Team) -> Team:
    """Another team of the same processes."""
    made = Team.__new__(Team)
    made.__dict__.update(team.__dict__)
    return made


def test_a_way_that_computes_something_else_is_caught_before_anything_is_timed(ours: Team, divided: Team) -> None:
    longer = Problem("rnn", (3, 6, 4, 2))
    with pytest.raises(UserError, match=r"^way c \(2 processes × 1 thread\) .* its losses are not those of ours"):
        check({ours: ours.first(PROBLEM), divided: divided.first(longer)})
    losses = np.zeros(2)
    with pytest.raises(UserError, match=r"^way c .* its norms"):
        check({ours: First(losses, np.ones((2, 3, 4))), divided: First(losses, np.full((2, 3, 4), 1.1))})


def test_a_worker_that_dies_or_hangs_or_fails_is_named_with_its_setting() -> None:
    stopped = team("d", patience=60)
    try:
        with pytest.raises(UserError, match=r"^way d \(1 process × 1 thread\) fails: .*nosuch"):
            stopped.first(Problem("nosuch", PROBLEM.shape))
        stopped.patience = 1
        (process,) = stopped.processes
        assert process.pid is not None
        os.kill(process.pid, signal.SIGSTOP)
        with pytest.raises(UserError, match=r"^way d \(1 process × 1 thread\) hangs: no answer within 1 s$"):
            stopped.turn()
        os.kill(process.pid, signal.SIGKILL)
        with pytest.raises(UserError, match=r"^way d \(1 process × 1 thread\) has died, killed by signal SIGKILL$"):
            stopped.turn()
    finally:
        stopped.close()
    assert not process.is_alive()


def test_teams_are_kept_for_later_problems_and_end_together() -> None:
    teams = Teams()
    try:
        first = teams.of(["a"], members=2)
        assert teams.of(["a"], members=3) == first
    finally:
        teams.close()
    assert not any(process.is_alive() for process in first[0].processes)
