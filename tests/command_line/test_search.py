"""The search: what Optuna is asked and told, and what it survives."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from hydra.core.override_parser.overrides_parser import OverridesParser

import harness
from harness.base.errors import UserError
from tests.helpers.sweeps import QUICK, command, start, wait_for, with_code

optuna = pytest.importorskip("optuna", minversion="4.0")

from harness.command_line.search import distribution, worth  # noqa: E402

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
        (["seed=0"], "nothing to search; valid: -m and key=interval(0.001,0.1)"),
    ],
)
def test_what_cannot_be_searched_is_refused_before_the_first_job(tmp_path: Path, words: list[str], said: str) -> None:
    done = command(tmp_path, "-m", *SEARCH, *words)
    assert done.returncode == 1
    assert said in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert not list(tmp_path.iterdir())


FATES = """
import harness.training.pack
plain = harness.training.pack.Pack.take_gradient
def fate(self):
    if self.settings.cell.name == "rnn":
        raise RuntimeError("no oven")
    return plain(self) * (float("nan") if self.settings.cell.name == "gru" else 1)
harness.training.pack.Pack.take_gradient = fate
"""


@pytest.mark.slow
def test_a_search_goes_on_after_runs_that_fail_or_diverge(tmp_path: Path) -> None:
    """Of four trials with this seed one diverges, one fails, and one asks for what is done."""
    words = ["-m", *SEARCH, "cell=rnn,gru,lstm", "seed=[0,1]", "hydra.sweep.dir=out"]
    random = ["hydra.sweeper.n_trials=4", "hydra.sweeper.n_jobs=2", "hydra.sweeper.sampler=RandomSampler"]
    done = command(tmp_path, *words, *random, "hydra.sweeper.seed=1", **with_code(tmp_path, FATES))
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
    words = ["-m", *SEARCH, "train.lr=interval(0.001,0.1)", "hydra.sweeper.n_trials=6", *shared]
    workers = [start(tmp_path, *words) for _ in range(2)]
    assert [worker.wait(timeout=240) for worker in workers] == [0, 0]
    found = trials(tmp_path / "study.db")
    assert len(found) in (6, 7)  # each may have begun a last one
    assert {each.state.name for each in found} == {"COMPLETE"}
    reports = list(tmp_path.glob("results/recall_dish/*/report.html"))
    jobs = [job for report in reports for job in harness.load(report.parent).runs.job]
    assert sorted(map(int, jobs)) == [each.number for each in found]
