"""A study in memory: what is told to it, and what is written down of it."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
from hydra.core.override_parser.overrides_parser import OverridesParser

from harness.base.errors import UserError

optuna = pytest.importorskip("optuna", minversion="4.0")

from harness.command_line.search.space import distribution, ends  # noqa: E402
from harness.command_line.search.study import (  # noqa: E402
    RESULTS,
    make_pruner,
    open_study,
    report,
    samplers,
    tell,
    write_results,
)


@pytest.fixture
def study() -> optuna.Study:
    """With three trials that have begun."""
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    made = optuna.create_study(direction="minimize", pruner=optuna.pruners.ThresholdPruner(upper=2.0))
    for value in (0.1, 0.2, 0.3):
        made.enqueue_trial({"lr": value, "cell": "gru"})
        made.ask({"lr": optuna.distributions.FloatDistribution(0, 1),
                  "cell": optuna.distributions.CategoricalDistribution(["rnn", "gru"])})  # fmt: skip
    return made


def test_a_trial_is_finished_pruned_or_failed_and_a_failure_is_said(
    study: optuna.Study, capsys: pytest.CaptureFixture[str]
) -> None:
    tell(study, 0, 0.5, "")
    tell(study, 2, None, "pruned")
    assert capsys.readouterr() == ("", "")
    tell(study, 1, None, "no oven")
    assert capsys.readouterr() == ("", "trial 1 has failed: no oven\n")
    assert [each.state.name for each in study.trials] == ["COMPLETE", "FAIL", "PRUNED"]
    assert study.trials[0].value == 0.5


def test_what_a_trial_was_worth_on_the_way_is_reported_once_and_judged(study: optuna.Study) -> None:
    report(study, 1, {10: 1.0})
    report(study, 1, {10: 99.0, 20: 3.0})
    assert [each.intermediate_values for each in study.trials] == [{}, {10: 1.0, 20: 3.0}, {}]


def test_the_best_trial_is_written_down_and_said(
    study: optuna.Study, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    tell(study, 0, 0.5, "")
    tell(study, 1, 0.25, "")
    write_results(study, tmp_path)
    assert (tmp_path / RESULTS).read_text() == (
        "name: optuna\nbest_params:\n  lr: 0.2\n  cell: \"gru\"\nbest_value: 0.25\nbest_job: '1'\n"
    )
    assert capsys.readouterr() == ("", "best of 3 trials: lr=0.2, cell=gru: 0.25 (job 1)\n")
    tell(study, 2, None, "pruned")
    write_results(study, tmp_path)
    assert "best of 3 trials, 1 of them pruned: lr=0.2" in capsys.readouterr().err


@pytest.mark.parametrize(("value", "said"), [(math.inf, ".inf"), (-math.inf, "-.inf"), (1e-9, "1e-09")])
def test_a_worth_is_written_as_yaml_has_it(study: optuna.Study, tmp_path: Path, value: float, said: str) -> None:
    tell(study, 0, value, "")
    write_results(study, tmp_path)
    assert f"\nbest_value: {said}\n" in (tmp_path / RESULTS).read_text()


def test_where_no_trial_has_come_to_its_end_nothing_is_written(
    study: optuna.Study, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    tell(study, 0, None, "no oven")
    write_results(study, tmp_path)
    assert not list(tmp_path.iterdir())
    assert capsys.readouterr() == ("", "trial 0 has failed: no oven\nno trial has come to its end\n")


@pytest.mark.parametrize(
    ("word", "both"),
    [
        ("train.lr=interval(0.001,0.1)", (0.001, 0.1)),
        ("hidden_size=range(4,12,3)", (4, 10)),
        ("hidden_size=range(7,8)", (7, 7)),
        ("hidden_size=range(12,4,-3)", (6, 12)),
        ("cell=rnn,lstm,gru", ("rnn", "gru")),
        ("cell=rnn,lstm", ("rnn", "lstm")),
    ],
)
def test_settings_are_tried_at_both_ends_of_what_is_searched(word: str, both: tuple[object, object]) -> None:
    (override,) = OverridesParser.create().parse_overrides([word])
    assert ends(distribution(override)) == both


def test_samplers_are_those_that_a_seed_makes() -> None:
    found = samplers()
    assert {"RandomSampler", "TPESampler", "CmaEsSampler"} <= set(found)
    assert not {"BruteForceSampler", "GridSampler", "BaseSampler", "PartialFixedSampler"} & set(found)


def test_pruners_have_names_and_options_of_optunas() -> None:
    assert isinstance(make_pruner("MedianPruner", {"n_startup_trials": 2}), optuna.pruners.MedianPruner)
    with pytest.raises(UserError, match=r"unknown hydra.sweeper.pruner .*; valid: HyperbandPruner, MedianPruner, "):
        make_pruner("WilcoxonPruner", {})
    with pytest.raises(UserError, match=r"hydra\.sweeper\.pruner=Median: .*did you mean 'MedianPruner'"):
        make_pruner("Median", {})
    options = r"pruner_options=\{'patience': 3\}: MedianPruner: .*; valid: options among n_startup_trials, "
    with pytest.raises(UserError, match=options):
        make_pruner("MedianPruner", {"patience": 3})
    with pytest.raises(UserError, match="percentile"):
        make_pruner("PercentilePruner", {"percentile": 120.0})


@pytest.mark.parametrize("failures", [9, 10])
def test_a_storage_is_tried_ten_times(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, failures: int) -> None:
    from sqlalchemy.exc import OperationalError

    tried: list[str] = []
    made = optuna.storages.RDBStorage.__init__

    def busy(self: object, url: str, **options: object) -> None:
        tried.append(url)
        if len(tried) <= failures:
            raise OperationalError("CREATE TABLE", {}, Exception("table is there"))
        made(self, url, **options)

    monkeypatch.setattr("optuna.storages.RDBStorage.__init__", busy)
    monkeypatch.setattr("harness.command_line.search.study.BETWEEN_ATTEMPTS", (0, 0))
    storage = f"sqlite:///{tmp_path}/study.db"
    if failures == 10:
        with pytest.raises(UserError, match=r"hydra\.sweeper\.storage=sqlite.*table is there"):
            open_study(storage, "s", "minimize", "RandomSampler", None)
        assert tried == [storage] * 10
    else:
        study = open_study(storage, "s", "maximize", "RandomSampler", 3)
        assert (study.study_name, study.direction.name, len(tried)) == ("s", "MAXIMIZE", 10)


def test_a_sitting_that_goes_on_draws_other_numbers_than_the_first(tmp_path: Path) -> None:
    storage, space = f"sqlite:///{tmp_path}/study.db", {"lr": optuna.distributions.FloatDistribution(0, 1)}
    drawn = [open_study(storage, "s", "minimize", "RandomSampler", 1).ask(space).params["lr"] for _ in range(2)]
    alone = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=1)).ask(space).params["lr"]
    assert drawn[0] == alone
    assert drawn[1] != alone
