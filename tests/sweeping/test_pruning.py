"""Pruning: decisions by a study that is made, as Optuna's own loop has them."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from harness.settings.members import members
from harness.sweeping.pruning import Judge, Past, Pruning, standings
from harness.training.record import MemberState, Record
from tests.conftest import Config

optuna = pytest.importorskip("optuna", minversion="4.0")

from harness.command_line.search.study import make_pruner, open_study, report  # noqa: E402

SPACE = {"lr": optuna.distributions.FloatDistribution(0, 1)}


def record(config: Config, losses: dict[int, list[float]]) -> Record:
    """What is known of runs with these losses, by step."""
    found = Record(members(config(seed=list(range(len(losses[0]))))))
    for k, run_id in enumerate(found.run_ids):
        curve = [{"run_id": run_id, "step": step, "loss": each[k], "accuracy": 0.5} for step, each in losses.items()]
        found.members[k] = MemberState(curve=curve)
    return found


def made(pruner: str, past: list[dict[str, float]], direction: str = "minimize", **options: float) -> Pruning:
    trials = [Past("COMPLETE", list(each.values())[-1], each, {}) for each in past]
    return Pruning(pruner, options, "loss", direction, "made", len(past), trials)


@pytest.mark.parametrize(
    ("losses", "direction", "options", "hopeless"),
    [
        ({0: [9, 9], 5: [3, 3.2]}, "minimize", {}, True),  # 3.1 is above the median of 1, 3, 5
        ({0: [9, 9], 5: [4, 1.8]}, "minimize", {}, False),  # 2.9 is not, by the mean over the seeds
        ({0: [9, 9], 5: [3, 3.2]}, "maximize", {}, False),
        ({0: [9, 9], 5: [4, 1.8]}, "maximize", {}, True),
        ({0: [9, 9], 4: [9, 9]}, "minimize", {}, False),  # nobody else was measured there
        ({0: [9, 9], 5: [3, 3.2]}, "minimize", {"n_warmup_steps": 6}, False),
        ({0: [9, 9], 5: [3, 3.2]}, "minimize", {"n_startup_trials": 4}, False),
        ({0: [9, 9], 5: [4, 1.8], 10: [9, 9]}, "minimize", {}, True),  # 2.9 at best, and the median is 2.5
        ({0: [9, 9], 5: [2, 2], 10: [9, 9]}, "minimize", {}, False),  # the best so far counts
        ({0: [1, 1], 5: [math.nan, 2]}, "minimize", {}, True),
        ({0: [9, 9]}, "minimize", {}, False),  # before the training
    ],
)
def test_the_median_of_other_trials_after_as_many_steps_decides(
    config: Config, losses: dict[int, list[float]], direction: str, options: dict[str, float], hopeless: bool
) -> None:
    past = [{"5": 1.0, "10": 0.5}, {"5": 3.0, "10": 2.5}, {"5": 5.0, "10": 4.5}]
    judge = Judge(made("MedianPruner", past, direction, **{"n_startup_trials": 1, **options}))
    known: dict[int, list[float]] = {}
    said = []
    for step, each in losses.items():
        known[step] = each
        said.append(judge.hopeless(record(config, known)))
    assert said == [False] * (len(said) - 1) + [hopeless]
    # A job that goes on from a checkpoint decides alike.
    if not hopeless:
        assert not Judge(judge.pruning).hopeless(record(config, known))


@pytest.mark.parametrize(
    ("pruner", "options"),
    [
        ("MedianPruner", {"n_startup_trials": 3}),
        ("PercentilePruner", {"percentile": 30.0, "n_startup_trials": 2}),
        ("SuccessiveHalvingPruner", {"min_resource": 2, "reduction_factor": 2}),
        ("HyperbandPruner", {"min_resource": 2, "max_resource": 12, "reduction_factor": 2}),
        ("ThresholdPruner", {"upper": 0.9}),
    ],
)
def test_trials_that_are_judged_in_their_jobs_end_as_in_optunas_own_loop(
    config: Config, tmp_path: Path, pruner: str, options: dict[str, float]
) -> None:
    """A job knows the study from a file, and reports through its tables once it is over."""
    rng = np.random.default_rng(3)
    curves = [dict(zip(range(2, 14, 2), level + 0.1 * rng.random(6), strict=True)) for level in rng.random(20)]
    kind = getattr(optuna.pruners, pruner)
    theirs = optuna.create_study(study_name="one", pruner=kind(**options))
    storage = f"sqlite:///{tmp_path}/study.db"
    ours = open_study(storage, "one", "minimize", "RandomSampler", None, make_pruner(pruner, options))
    for curve in curves:
        trial = theirs.ask()
        end = optuna.trial.TrialState.COMPLETE
        for step, loss in curve.items():
            trial.report(loss, step)
            if step < 12 and trial.should_prune():
                end = optuna.trial.TrialState.PRUNED
                break
        theirs.tell(trial, loss if end.name == "COMPLETE" else None, state=end)

        number = ours.ask().number
        Pruning.of(ours, number, pruner, options, "loss").write(tmp_path / str(number))
        judge = Judge(Pruning.read(tmp_path / str(number)))
        known: dict[int, list[float]] = {0: [5.0]}
        for step, loss in curve.items():
            known[step] = [loss]
            if pruned := step < 12 and judge.hopeless(record(config, known)):
                break
        rows = pd.DataFrame(record(config, known).members[0].curve)
        report(ours, number, standings(rows, [], "loss", "minimize"))
        ours.tell(number, None if pruned else loss, state=None if not pruned else optuna.trial.TrialState.PRUNED)
    ends = [
        [(each.state.name, each.value, each.intermediate_values) for each in study.trials] for study in (theirs, ours)
    ]
    assert ends[0] == ends[1]
    assert {state for state, *_ in ends[0]} == {"COMPLETE", "PRUNED"}


def test_a_job_that_goes_on_is_judged_by_the_trials_that_it_began_with(tmp_path: Path) -> None:
    first, second = made("MedianPruner", [{"5": 1.0}]), made("MedianPruner", [{"5": 1.0}, {"5": math.inf}])
    folder = tmp_path / "jobs" / "7"  # which its launcher has not made yet
    first.write(folder)
    second.write(folder)
    assert Pruning.read(folder) == first


def test_a_trial_is_worth_the_mean_over_its_runs_as_they_were_measured_last() -> None:
    rows = [(0, "a", 9.0), (0, "b", 9.0), (2, "a", 1.0), (2, "b", 3.0), (4, "b", 2.0), (6, "b", math.nan)]
    curves = pd.DataFrame(rows, columns=["step", "run_id", "accuracy"])
    assert standings(curves, [], "accuracy", "minimize") == {2: 2.0, 4: 1.5, 6: math.inf}
    assert standings(curves, [5, 3], "accuracy", "maximize") == {2: 2.0, 4: -math.inf, 6: -math.inf}
    assert standings(curves[:2], [], "accuracy", "maximize") == {}
