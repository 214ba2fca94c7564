"""A search from its first trial to its last, in this process; the trials' jobs do not train."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hydra._internal.callbacks import Callbacks
from hydra.types import HydraContext

from harness.base.errors import UserError
from harness.settings.settings import Settings
from harness.sweeping.pruning import FILE as PRUNING
from harness.sweeping.pruning import Pruning
from tests.helpers.in_process import QUICK, Launcher, Outcome, Work, learned, sweeper_of

optuna = pytest.importorskip("optuna", minversion="4.0")

from optuna.distributions import BaseDistribution  # noqa: E402

from harness.command_line.search.study import RESULTS, open_study  # noqa: E402
from harness.command_line.search.sweeper import PLACE, SearchSweeper  # noqa: E402

RATES = "train.lr=interval(0.01,0.1)"
RATE = optuna.distributions.FloatDistribution(0.01, 0.1)


@pytest.fixture(scope="module")
def made() -> SearchSweeper:
    found = sweeper_of("-m", *QUICK, "hydra/sweeper=optuna", "seed=0,1")
    assert isinstance(found, SearchSweeper)
    return found


@pytest.fixture
def sweeper(made: SearchSweeper, monkeypatch: pytest.MonkeyPatch) -> SearchSweeper:
    """One that draws three trials, two of them together."""
    for name, value in {"n_trials": 3, "n_jobs": 2, "sampler": "RandomSampler", "seed": 3, "params": {}}.items():
        monkeypatch.setattr(made, name, value)
    monkeypatch.setattr("harness.sweeping.watch.POLL_EVERY", 0.01)
    return made


@pytest.fixture
def launcher(sweeper: SearchSweeper, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Launcher:
    found = Launcher(sweeper, tmp_path / "out", Work())
    found.directory.mkdir()
    monkeypatch.setattr(sweeper, "launcher", found)
    return found


def search(launcher: Launcher, *words: str) -> list[Any]:
    """Search, and return the trials."""
    assert launcher.sweeper.planned([*QUICK, *words])(launcher.directory) == []
    return trials(launcher.directory / "optuna.db")


def trials(path: Path) -> list[Any]:
    storage = f"sqlite:///{path}"
    (name,) = optuna.get_all_study_names(storage)
    return list(optuna.load_study(study_name=name, storage=storage).get_trials())


def seeds(launcher: Launcher) -> dict[str, list[int]]:
    return {name: [run.seed for run in runs] for name, runs in launcher.work.jobs.items()}


def begun(
    launcher: Launcher, place: Path, values: list[Any], name: str = "train.lr", drawn: BaseDistribution = RATE
) -> None:
    """Trials that an earlier sitting has begun in this place."""
    directory = launcher.directory
    study = open_study(
        f"sqlite:///{directory}/optuna.db", f"{directory.parent.name}/{directory.name}", "minimize", "RandomSampler", 0
    )
    for value in values:
        study.enqueue_trial({name: value})
        trial = study.ask({name: drawn})
        trial.set_user_attr(PLACE, str(place.resolve()))


def test_trials_are_launched_together_and_told_what_their_runs_were_worth(
    launcher: Launcher, capsys: pytest.CaptureFixture[str]
) -> None:
    found = search(launcher, RATES, "seed=[0,1]")
    assert [len(each) for each in launcher.launched] == [2, 1]  # no more than are asked for
    assert seeds(launcher) == {str(number): [0, 1] for number in range(3)}  # the list is a pack
    rates = [runs[0].train.lr for runs in launcher.work.jobs.values()]
    assert [each.params["train.lr"] for each in found] == pytest.approx(rates)
    assert len(set(rates)) == 3
    assert all(0.01 <= rate <= 0.1 for rate in rates)
    assert [each.value for each in found] == pytest.approx([10 * rate for rate in rates])
    assert [each.state.name for each in found] == ["COMPLETE"] * 3
    assert not any("pruning" in word for batch in launcher.launched for words in batch for word in words)
    best = min(range(3), key=lambda number: rates[number])
    assert f"best_job: '{best}'" in (launcher.directory / RESULTS).read_text()
    assert "best of 3 trials: train.lr=" in capsys.readouterr().err
    assert (launcher.directory / "provenance.json").exists()


def test_a_search_that_maximizes_takes_the_largest(launcher: Launcher, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(launcher.sweeper, "direction", "maximize")
    monkeypatch.setattr(launcher.sweeper, "n_trials", 2)
    found = search(launcher, RATES)
    best = max(found, key=lambda each: each.params["train.lr"])
    assert f"best_job: '{best.number}'" in (launcher.directory / RESULTS).read_text()


def test_runs_that_diverge_or_fail_are_told_as_such_and_the_search_goes_on(
    launcher: Launcher, capsys: pytest.CaptureFixture[str]
) -> None:
    def fate(run: Settings) -> Outcome:
        if run.hidden_size == 5:
            return {"status": "failed", "reason": "no oven"}
        return {**learned(run), "status": "diverged"} if run.hidden_size == 4 else learned(run)

    sizes = optuna.distributions.CategoricalDistribution(["3", "4", "5"])
    begun(launcher, launcher.directory, ["3", "4", "5"], "hidden_size", sizes)
    launcher.work.outcome = fate
    found = search(launcher, "hidden_size=3,4,5")
    told = {each.params["hidden_size"]: (each.state.name, each.value) for each in found}
    assert told == {"3": ("COMPLETE", pytest.approx(0.03)), "4": ("COMPLETE", math.inf), "5": ("FAIL", None)}
    assert "has failed: no oven" in capsys.readouterr().err


def test_settings_that_a_trial_draws_again_are_not_trained_again(
    launcher: Launcher, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(launcher.sweeper, "n_jobs", 1)
    found = search(launcher, "hidden_size=range(3,4)")
    assert [each.value for each in found] == [pytest.approx(0.03)] * 3
    assert list(launcher.work.jobs) == ["0"]


def test_a_trial_whose_settings_do_not_go_together_fails_alone(
    launcher: Launcher, capsys: pytest.CaptureFixture[str]
) -> None:
    """Both ends are valid: nobody has told the search of what lies between."""
    found = search(launcher, "train.k2=null,1,7,3", "train.gradient_penalty=null")
    invalid = [each for each in found if each.params["train.k2"] == "7"]
    assert {each.state.name for each in found if each not in invalid} == {"COMPLETE"}
    assert {each.state.name for each in invalid} <= {"FAIL"}
    assert len([line for line in capsys.readouterr().err.splitlines() if "has failed: train.k2=7" in line]) == len(
        invalid
    )


def test_trials_that_were_begun_here_are_finished_first_and_those_of_others_left_alone(
    launcher: Launcher, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun(launcher, launcher.directory, [0.02, 0.03, 0.04])
    begun(launcher, tmp_path / "elsewhere", [0.05])
    monkeypatch.setattr(launcher.sweeper, "n_trials", 5)
    found = search(launcher, RATES)
    assert [words[-1][-1] for words in launcher.launched[0]] == ["0", "1"]
    assert [len(each) for each in launcher.launched] == [2, 2]  # the third beside the one that was still to be drawn
    assert [each.state.name for each in found] == ["COMPLETE"] * 3 + ["RUNNING", "COMPLETE"]
    assert [each.value for each in found[:3]] == pytest.approx([0.2, 0.3, 0.4])


def test_trials_that_were_begun_with_other_settings_are_given_up(
    launcher: Launcher, capsys: pytest.CaptureFixture[str]
) -> None:
    begun(launcher, launcher.directory, [0.02], name="train.clip_norm")
    found = search(launcher, RATES)
    assert [each.state.name for each in found] == ["FAIL", "COMPLETE", "COMPLETE"]
    assert "trial 0 has failed: interrupted before its settings were chosen" in capsys.readouterr().err


def test_a_study_has_the_storage_and_the_name_that_are_given(
    launcher: Launcher, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(launcher.sweeper, "storage", f"sqlite:///{tmp_path}/shared.db")
    monkeypatch.setattr(launcher.sweeper, "study_name", "rates")
    monkeypatch.setattr(launcher.sweeper, "n_trials", 1)
    launcher.sweeper.planned([*QUICK, RATES])(launcher.directory)
    assert optuna.get_all_study_names(f"sqlite:///{tmp_path}/shared.db") == ["rates"]
    assert not (launcher.directory / "optuna.db").exists()
    assert [each.user_attrs for each in trials(tmp_path / "shared.db")] == [{PLACE: str(launcher.directory.resolve())}]


def test_a_trial_without_hope_is_told_as_pruned_and_one_with_hope_has_its_curve(
    launcher: Launcher, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(launcher.sweeper, "pruner", "MedianPruner")
    monkeypatch.setattr(launcher.sweeper, "pruner_options", {"n_startup_trials": 1})
    monkeypatch.setattr(launcher.sweeper, "n_jobs", 1)
    monkeypatch.setattr(launcher.sweeper, "n_trials", 2)
    written = []

    def look(name: str) -> None:
        folder = launcher.directory / "jobs" / name
        written.append(Pruning.read(folder))
        (folder / PRUNING).unlink()

    launcher.work.before = look
    launcher.work.outcome = lambda run: {**learned(run), "status": "pruned" if len(written) == 2 else "ok"}
    found = search(launcher, RATES)
    assert [each.state.name for each in found] == ["COMPLETE", "PRUNED"]
    assert found[0].intermediate_values == {
        step: pytest.approx(10 * found[0].params["train.lr"] + 4 - step) for step in (2, 4)
    }
    assert [(each.pruner, each.options, each.objective) for each in written] == [
        ("MedianPruner", {"n_startup_trials": 1}, "loss")
    ] * 2
    assert [(each.trial, len(each.past)) for each in written] == [(0, 0), (1, 1)]
    assert all(words[-1] == "+sweep.pruning=true" for batch in launcher.launched for words in batch)


@pytest.mark.parametrize(
    ("changes", "words", "said"),
    [
        ({"sampler": "TPE"}, [RATES], "unknown hydra.sweeper.sampler; valid: CmaEsSampler, "),
        ({}, ["seed=0"], "hydra/sweeper=optuna: nothing to search; valid: -m and key=interval(0.001,0.1)"),
        ({}, ["train.lr=interval(-0.1,0.1)"], "train.lr=-0.1: "),
        ({}, ["dropout=interval(0,1)", "num_layers=2"], "dropout=1"),
        ({}, ["train.lr=0.1,nonsense"], "train.lr=nonsense: "),
        ({"pruner": "Nobody"}, [RATES], "unknown hydra.sweeper.pruner"),
        ({"pruner": "MedianPruner"}, [RATES, "sweep.objective=decay_rate"],
         "sweep.objective=decay_rate: known only at the end of a run; valid with "
         "hydra.sweeper.pruner=MedianPruner: accuracy, loss"),
    ],
)  # fmt: skip
def test_what_cannot_be_searched_is_refused_before_the_first_trial(
    sweeper: SearchSweeper, monkeypatch: pytest.MonkeyPatch, changes: dict[str, Any], words: list[str], said: str
) -> None:
    for name, value in changes.items():
        monkeypatch.setattr(sweeper, name, value)
    with pytest.raises(UserError) as caught:
        sweeper.planned([*QUICK, *words])
    assert said in str(caught.value)


def test_without_a_pruner_a_column_of_the_end_may_be_the_objective_and_typed_words_replace_those_of_a_study(
    sweeper: SearchSweeper, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sweeper, "params", {"train.lr": "interval(-1,1)", "hidden_size": "3"})
    assert callable(sweeper.planned([*QUICK, RATES, "sweep.objective=decay_rate"]))


@pytest.fixture
def anew(made: SearchSweeper) -> Callable[..., SearchSweeper]:
    """A sweeper that is set up with these settings, others as they are by default."""

    def build(**changes: Any) -> SearchSweeper:
        given = {
            "n_trials": 1, "n_jobs": 1, "direction": "minimize", "storage": None, "study_name": None,
            "sampler": "TPESampler", "seed": None,
        }  # fmt: skip
        found = SearchSweeper(made.command, **{**given, **changes})
        context = HydraContext(config_loader=made.loader, callbacks=Callbacks())
        found.setup(hydra_context=context, task_function=lambda config: None, config=made.config)
        return found

    return build


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"n_trials": 0}, "hydra.sweeper.n_trials=0: valid: a whole number of 1 or more"),
        ({"n_jobs": 0}, "hydra.sweeper.n_jobs=0: valid: a whole number of 1 or more"),
        ({"n_jobs": 1.5}, "hydra.sweeper.n_jobs=1.5: valid: a whole number of 1 or more"),
        ({"direction": "up"}, "hydra.sweeper.direction=up: unknown hydra.sweeper.direction; valid: maximize, minimize"),
    ],
)
def test_settings_of_a_search_are_validated(
    anew: Callable[..., SearchSweeper], changes: dict[str, Any], said: str
) -> None:
    with pytest.raises(UserError) as caught:
        anew(**changes)
    assert str(caught.value).startswith(said)


def test_a_search_does_not_do_failed_trials_again_and_prunes_nothing_unless_asked_to(
    anew: Callable[..., SearchSweeper],
) -> None:
    made = anew(pruner_options=None)
    assert (made.does_failures_again, made.pruner, made.pruner_options, made.params) == (False, None, {}, {})
    assert anew(direction="maximize", pruner_options={"n_warmup_steps": 3}).pruner_options == {"n_warmup_steps": 3}
