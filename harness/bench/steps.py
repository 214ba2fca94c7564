"""A training step, ours and the peers', side by side: all settings of all ways take turns, the best of each counts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from harness.base.errors import UserError
from harness.bench.ways import First, Problem, Setting, settings, usable_cores
from harness.bench.workers import Team, Turn

RELATIVE_TOLERANCES, ABSOLUTE_TOLERANCE = {"losses": 2e-3, "norms": 2e-2}, 1e-6
"""Within which first steps agree. Where gradients explode (`nbr`), their norms multiply the rounding of single
precision; in double precision tests hold every cell to 1e-10."""

Row = dict[str, Any]
"""One way in one setting on one problem."""


class Teams:
    """The teams of processes, each started when it is first asked for and kept for the problems that follow."""

    def __init__(self, device: str = "cpu"):
        self.device = device
        self.cores = usable_cores()
        self._started: dict[tuple[str, Setting], Team] = {}
        self._beside: Team | None = None

    def of(self, ways: Sequence[str], members: int, alone: bool = False) -> list[Team]:
        """The teams that measure some ways on a problem of so many members; ``alone`` as in `settings`."""
        cores = len(self.cores)
        keys = [(way, each) for way in ways for each in settings(way, members, cores, self.device, alone)]
        for way, setting in keys:
            if (way, setting) not in self._started:
                self._started[way, setting] = Team(way, setting, self.cores, self.device)
        return [self._started[key] for key in keys]

    @property
    def beside(self) -> Team:
        """A process of its own in which bytes are counted and kernels compiled."""
        if self._beside is None:
            self._beside = Team("a", Setting(1, len(self.cores)), self.cores, self.device)
        return self._beside

    def close(self) -> None:
        """End all processes."""
        for team in [*self._started.values(), *([self._beside] if self._beside else [])]:
            team.close()


def measure(chosen: Sequence[Team], problem: Problem, repeats: int) -> list[Row]:
    """Milliseconds of a step of every team, the teams taking turns; all are first checked to agree.

    Returns:
        A row per team: what was measured, ``ms`` by the clock (the median), ``ms_q25``, ``ms_q75``, ``cpu_ms`` of CPU
        time (the median), and ``taken``: whether its setting is the best of its way.

    Raises:
        UserError: a team computes something else than the first one, or fails.
    """
    check({team: team.first(problem) for team in chosen})
    times: dict[Team, list[Turn]] = {team: [] for team in chosen}
    for _ in range(repeats):
        for team, own in times.items():
            own.append(team.turn())
    rows = [_row(team, problem, own) for team, own in times.items()]
    for way in {team.way for team in chosen}:
        min((row for row in rows if row["way"] == way), key=lambda row: row["ms"])["taken"] = True
    return rows


def _row(team: Team, problem: Problem, times: Sequence[Turn]) -> Row:
    q25, median, q75 = np.quantile([turn.ms for turn in times], (0.25, 0.5, 0.75)).tolist()
    members, _, batch, _ = problem.shape
    return {
        "cell": problem.cell, **dict(zip("KTBH", problem.shape, strict=True)), "way": team.way,
        "processes": team.setting.processes, "threads": team.setting.threads, "taken": False,
        "ms": median, "ms_q25": q25, "ms_q75": q75, "cpu_ms": float(np.median([turn.cpu_ms for turn in times])),
        "samples_per_s": 1000 * members * batch / median,
    }  # fmt: skip


def check(found: dict[Team, First]) -> None:
    """Compare what the first steps gave with that of the first team.

    Raises:
        UserError: the losses or the norms are others; nothing should be timed then.
    """
    expected = next(iter(found.values()))
    for team, own in found.items():
        for what, tolerance in RELATIVE_TOLERANCES.items():
            mine, theirs = getattr(expected, what), getattr(own, what)
            if mine is None or theirs is None:
                continue
            if mine.shape != theirs.shape or not np.allclose(theirs, mine, tolerance, ABSOLUTE_TOLERANCE):
                raise UserError(f"{team} computes something else: its {what} are not those of ours; nothing is timed")
