"""The search: what Optuna is asked and told, and what it survives."""

from __future__ import annotations

import math
import multiprocessing
from multiprocessing.synchronize import Barrier
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hydra.core.override_parser.overrides_parser import OverridesParser

import harness
from harness.base.errors import UserError
from tests.helpers.in_process import typed
from tests.helpers.sweeps import QUICK, command, start, wait_for, when_imported

optuna = pytest.importorskip("optuna", minversion="4.0")

from harness.command_line.search.space import distribution  # noqa: E402
from harness.command_line.search.study import open_study, tell  # noqa: E402
from harness.command_line.search.sweeper import worth  # noqa: E402

SEARCH = [*QUICK, "train.steps=3", "probe.every=3", "hydra/sweeper=optuna"]


def trials(path: Path) -> list[Any]:
    """The trials of the only study in a file, in their order."""
    storage = f"sqlite:///{path}"
    (name,) = optuna.get_all_study_names(storage)
    return list(optuna.load_study(study_name=name, storage=storage).get_trials())


@pytest.mark.parametrize(
    ("word", "values"),
    [
        ("train.lr=interval(0.001,0.1)", "FloatDistribution(high=0.1, log=False, low=0.001, step=None)"),
        ("train.lr=tag(log,interval(0.001,0.1))", "FloatDistribution(high=0.1, log=True, low=0.001, step=None)"),
        ("hidden_size=int(interval(4,64))", "IntDistribution(high=64, log=False, low=4, step=1)"),
        ("hidden_size=range(4,12,3)", "IntDistribution(high=10, log=False, low=4, step=3)"),
        ("hidden_size=range(7,8)", "IntDistribution(high=7, log=False, low=7, step=1)"),
        ("cell=rnn,lstm", "CategoricalDistribution(choices=('rnn', 'lstm'))"),
        ("seed=[0,1],[2,3]", "CategoricalDistribution(choices=('[0,1]', '[2,3]'))"),
    ],
)
def test_the_grammar_of_hydra_says_what_is_searched(word: str, values: str) -> None:
    """Ranges end before their second number, as in sweeps."""
    (override,) = OverridesParser.create().parse_overrides([word])
    assert str(distribution(override)) == values


def test_an_impossible_interval_is_one_line() -> None:
    (override,) = OverridesParser.create().parse_overrides(["train.lr=tag(log,interval(0,0.1))"])
    with pytest.raises(UserError, match=r"train\.lr=tag"):
        distribution(override)


@pytest.mark.parametrize(
    ("statuses", "losses", "told"),
    [
        (["ok", "ok"], [1.0, 3.0], (2.0, "")),
        (["ok", "diverged"], [1.0, 3.0], (math.inf, "")),
        (["ok", "ok"], [1.0, math.nan], (math.inf, "")),
        (["ok", "failed"], [1.0, math.nan], (None, "no oven")),
        (["ok", "pruned"], [1.0, math.nan], (None, "pruned")),
        (["failed", "pruned"], [1.0, math.nan], (None, "no oven")),
        ([], [], (None, "left no result")),
    ],
)
def test_a_diverged_run_is_as_bad_as_can_be_and_a_failed_one_fails_its_trial(
    statuses: list[str], losses: list[float], told: tuple[float | None, str]
) -> None:
    runs = pd.DataFrame({"status": statuses, "loss": losses, "reason": "no oven"})
    assert worth(runs, "loss", "minimize") == told
    worst = (-math.inf, "") if told[0] == math.inf else told
    assert worth(runs, "loss", "maximize") == worst


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["sweep.objective=los", "train.lr=0.1,0.2"], "sweep.objective=los: valid: accuracy, "),
        (["train.lr=interval(-0.1,0.1)"], "train.lr=-0.1: input should be greater than 0"),
        (
            ["train.lr=interval(0.1,0.2)", "hydra.sweeper.direction=up"],
            "unknown hydra.sweeper.direction; valid: maximize",
        ),
        (["train.lr=interval(0.1,0.2)", "hydra.sweeper.sampler=TPE"], "valid: CmaEsSampler, "),
        (["train.lr=interval(0.1,0.2)", "hydra.sweeper.n_trials=0"], "hydra.sweeper.n_trials=0: valid: a whole number"),
        (
            ["train.lr=interval(0.1,0.2)", "hydra.sweeper.pruner=MedianPruner", "sweep.objective=decay_rate"],
            "known only at the end of a run; valid with hydra.sweeper.pruner=MedianPruner: accuracy, loss",
        ),
        (["seed=0"], "nothing to search; valid: -m and key=interval(0.001,0.1)"),
    ],
)
def test_what_cannot_be_searched_is_refused_before_the_first_job(
    tmp_path: Path, words: list[str], said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    code, err = typed("-m", *SEARCH, *words)
    assert code == 1
    assert said in err
    assert len(err.splitlines()) == 1
    assert not list(tmp_path.iterdir())


def asks_and_tells(storage: str, together: Barrier) -> None:
    together.wait()
    study = open_study(storage, "shared", "minimize", "RandomSampler", None)
    for _ in range(2):
        trial = study.ask({"lr": optuna.distributions.FloatDistribution(0.1, 1)})
        tell(study, trial.number, trial.params["lr"], "")


def test_commands_that_begin_in_the_same_moment_share_one_study(tmp_path: Path) -> None:
    """One of them makes the storage; none is turned away, and no trial is lost."""
    fork = multiprocessing.get_context("fork")
    together = fork.Barrier(3)
    path = tmp_path / "study.db"
    workers = [fork.Process(target=asks_and_tells, args=(f"sqlite:///{path}", together)) for _ in range(3)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(timeout=120)
    assert [worker.exitcode for worker in workers] == [0] * 3
    assert [(each.number, each.state.name) for each in trials(path)] == [(n, "COMPLETE") for n in range(6)]


def test_a_storage_that_is_none_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("no database " * 200)
    with pytest.raises(UserError, match=r"hydra\.sweeper\.storage=.*file is not a database"):
        open_study(f"sqlite:///{tmp_path}/notes.txt", "shared", "minimize", "RandomSampler", None)


FATES = when_imported(
    "harness.training.pack",
    """
plain = module.Pack.take_gradient
def fate(self):
    if self.settings.cell.name == "rnn":
        raise RuntimeError("no oven")
    return plain(self) * (float("nan") if self.settings.cell.name == "gru" else 1)
module.Pack.take_gradient = fate
""",
)


@pytest.mark.slow
def test_a_search_goes_on_after_runs_that_fail_or_diverge(tmp_path: Path) -> None:
    """Of four trials with this seed one diverges, one fails, and one asks for what is done."""
    words = ["-m", *SEARCH, "cell=rnn,gru,lstm", "seed=[0,1]", "hydra.sweep.dir=out"]
    random = ["hydra.sweeper.n_trials=4", "hydra.sweeper.n_jobs=2", "hydra.sweeper.sampler=RandomSampler"]
    done = command(tmp_path, *words, *random, "hydra.sweeper.seed=1", code=FATES)
    assert done.returncode == 1  # as runs have failed
    assert "has failed: RuntimeError: no oven" in done.stderr
    runs = harness.load(tmp_path / "out").runs
    loss = runs[runs.cell == "lstm"].loss.mean()
    told = [(each.params["cell"], each.state.name, each.value) for each in trials(tmp_path / "out" / "optuna.db")]
    lstm = ("lstm", "COMPLETE", pytest.approx(loss))  # the second time without being trained again
    assert told == [("gru", "COMPLETE", math.inf), ("rnn", "FAIL", None), lstm, lstm]
    assert sorted(runs.cell) == ["gru", "gru", "lstm", "lstm", "rnn", "rnn"]
    results = (tmp_path / "out" / "optimization_results.yaml").read_text("utf-8")
    assert 'best_params:\n  cell: "lstm"\n' in results
    assert done.stdout.splitlines()[-1] == "out/report.html"


@pytest.mark.slow
def test_a_search_that_was_killed_goes_on_with_its_trials(tmp_path: Path) -> None:
    words = [*SEARCH, "train.steps=600", "train.lr=interval(0.001,0.1)", "hydra.sweeper.n_trials=3"]
    process = start(tmp_path, "-m", *words, "hydra.sweep.dir=out")
    wait_for(lambda: (tmp_path / "out" / "jobs" / "1" / "progress.json").exists(), process, seconds=120)
    process.kill()
    process.wait()
    before = trials(tmp_path / "out" / "optuna.db")
    again = command(tmp_path, "resume=out")
    assert again.returncode == 0, again.stderr
    after = trials(tmp_path / "out" / "optuna.db")
    assert [each.state.name for each in after] == ["COMPLETE"] * 3
    assert [each.params for each in after[: len(before)]] == [each.params for each in before]
    runs = harness.load(tmp_path / "out").runs
    assert dict(zip(runs.job, runs["train.lr"], strict=True)) == {
        str(each.number): pytest.approx(each.params["train.lr"]) for each in after
    }


@pytest.mark.slow
def test_several_commands_work_on_one_study(tmp_path: Path) -> None:
    shared = [f"hydra.sweeper.storage=sqlite:///{tmp_path}/study.db", "hydra.sweeper.study_name=lr"]
    words = ["-m", *SEARCH, "train.lr=interval(0.001,0.1)", "hydra.sweeper.n_trials=4", *shared]
    workers = [start(tmp_path, *words) for _ in range(2)]
    for worker in workers:
        said = worker.communicate(timeout=240)[1]
        assert worker.returncode == 0, said
    found = trials(tmp_path / "study.db")
    assert len(found) in (4, 5)  # each may have begun a last one
    assert {each.state.name for each in found} == {"COMPLETE"}
    reports = list(tmp_path.glob("results/recall_dish/*/report.html"))
    jobs = [job for report in reports for job in harness.load(report.parent).runs.job]
    assert sorted(map(int, jobs)) == [each.number for each in found]


@pytest.mark.slow
def test_trials_without_hope_are_pruned_and_can_be_trained_to_their_end_later(tmp_path: Path) -> None:
    """Of six trials with this seed, two by two, the first two are not judged, and four later ones learn nothing."""
    words = ["-m", *QUICK, "train.steps=40", "probe.every=10", "seed=[0,1]", "hydra.sweep.dir=out"]
    search = ["hydra/sweeper=optuna", "hydra.sweeper.n_trials=6", "hydra.sweeper.sampler=RandomSampler"]
    search += ["hydra.sweeper.seed=1", "hydra.sweeper.n_jobs=2"]
    pruner = ["hydra.sweeper.pruner=MedianPruner", "hydra.sweeper.pruner_options={n_startup_trials:2}"]
    done = command(tmp_path, *words, "train.lr=tag(log,interval(0.000001,0.03))", *search, *pruner)
    assert done.returncode == 0, done.stderr
    assert "best of 6 trials, 4 of them pruned: train.lr=" in done.stderr
    found = trials(tmp_path / "out" / "optuna.db")
    assert [each.state.name for each in found] == ["COMPLETE"] * 2 + ["PRUNED"] * 4
    median = np.median([each.intermediate_values[10] for each in found[:2]])
    assert all(list(each.intermediate_values) == [10] and each.value > median for each in found[2:])
    tables = harness.load(tmp_path / "out")
    by_trial = tables.curves.merge(tables.runs[["run_id", "job"]])[lambda rows: rows.step == 10].groupby("job")
    assert by_trial.loss.mean().tolist() == pytest.approx([each.intermediate_values[10] for each in found])
    assert tables.runs.status.tolist() == ["ok"] * 4 + ["pruned"] * 8
    assert not list((tmp_path / "out").glob("jobs/*/pruning.json"))
    later = command(tmp_path, *words, f"train.lr={found[2].params['train.lr']}")
    assert later.returncode == 0, later.stderr
    runs = harness.load(tmp_path / "out").runs
    assert runs[runs["train.lr"] == found[2].params["train.lr"]].status.tolist() == ["ok", "ok"]
