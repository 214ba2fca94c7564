"""The sweeper that searches: Optuna asks for trials, and is told what has come of their runs.

A trial is a job: the settings that the search chooses, in a pack where a setting is a list (``seed=[0,1,2]``). What a
trial is worth stands in its tables, so that every launcher can run it, and a search that was interrupted goes on from
the study in its storage: trials that had begun are finished, with the same runs.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig

from harness.base.errors import UserError, unknown
from harness.command_line.command import Command
from harness.command_line.search.space import distribution, ends
from harness.command_line.search.study import (
    PRUNED,
    make_pruner,
    one_line,
    open_study,
    report,
    samplers,
    tell,
    write_results,
)
from harness.command_line.sweeper import PackingSweeper, Work
from harness.settings.conduct import SweepOptions, conduct
from harness.sweeping.jobs import Job
from harness.sweeping.pruning import WORST, Pruning, standings
from harness.tables.columns import CURVES, FLOAT_OUTCOMES

if TYPE_CHECKING:
    import pandas as pd
    from optuna import Study
    from optuna.distributions import BaseDistribution
    from optuna.trial import FrozenTrial, Trial

DIRECTIONS = ("minimize", "maximize")

PLACE = "directory"
"""The attribute of a trial that says which results directory it was begun in."""


def check_installed() -> None:
    """Check that there is an Optuna to search with.

    Raises:
        UserError: there is none.
    """
    if find_spec("optuna") is None:
        raise UserError("hydra/sweeper=optuna: not installed; install it with: pip install '.[optuna]'")


class SearchSweeper(PackingSweeper):
    """Searches with Optuna.

    Args:
        n_trials: how many trials the study is to have in all, those of earlier sittings and of other commands included.
        n_jobs: how many trials are launched together.
        direction: ``minimize`` or ``maximize``: what `sweep.objective` is to be.
        storage: Optuna's name for where the study is kept; None: an SQLite file in the results directory.
        study_name: of the study in the storage; None: after the results directory.
        sampler: a class of `optuna.samplers`.
        seed: of the sampler.
        pruner: a class of `optuna.pruners`; None: every trial is trained to its end.
        pruner_options: its arguments.
        params: as in `PackingSweeper`.
    """

    does_failures_again = False

    def __init__(
        self,
        command: Command,
        n_trials: int,
        n_jobs: int,
        direction: str,
        storage: str | None,
        study_name: str | None,
        sampler: str,
        seed: int | None,
        pruner: str | None = None,
        pruner_options: dict[str, Any] | None = None,
        params: dict[str, str] | None = None,
    ):
        super().__init__(command, params)
        self.n_trials, self.n_jobs, self.direction = n_trials, n_jobs, direction
        self.storage, self.study_name = storage, study_name
        self.sampler, self.seed = sampler, seed
        self.pruner, self.pruner_options = pruner, dict(pruner_options or {})

    def setup(self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig) -> None:
        check_installed()
        super().setup(hydra_context=hydra_context, task_function=task_function, config=config)
        for key, value in (("n_trials", self.n_trials), ("n_jobs", self.n_jobs)):
            if not isinstance(value, int) or value < 1:
                raise UserError(f"hydra.sweeper.{key}={value}: valid: a whole number of 1 or more")
        if self.direction not in DIRECTIONS:
            raise unknown("hydra.sweeper.direction", self.direction, DIRECTIONS)

    def planned(self, arguments: list[str]) -> Work:
        """The search, its settings validated at both ends of all that is searched."""
        if self.sampler not in (valid := samplers()):
            raise unknown("hydra.sweeper.sampler", self.sampler, valid)
        space: dict[str, BaseDistribution] = {}
        fixed: list[str] = []
        own = [f"{key}={values}" for key, values in self.params.items()]
        overrides = OverridesParser.create(config_loader=self.loader).parse_overrides([*own, *arguments])
        for override in {each.key_or_group: each for each in overrides}.values():
            if override.is_sweep_override():
                space[override.get_key_element()] = distribution(override)
            else:
                fixed.append(f"{override.get_key_element()}={override.get_value_element_as_str()}")
        if not space:
            raise UserError(
                "hydra/sweeper=optuna: nothing to search; valid: -m and key=interval(0.001,0.1), "
                "key=tag(log,interval(…)), key=int(interval(1,9)), key=range(1,9) or key=a,b"
            )
        for end in (0, -1):
            at_end = {key: ends(each)[end] for key, each in space.items()}
            how = conduct(self._job("0", fixed, at_end)[1]).sweep
        if self.pruner and make_pruner(self.pruner, self.pruner_options) and how.objective not in CURVES:
            by_then = ", ".join(sorted(set(CURVES) & set(FLOAT_OUTCOMES)))
            raise UserError(
                f"sweep.objective={how.objective}: known only at the end of a run; valid with "
                f"hydra.sweeper.pruner={self.pruner}: {by_then}"
            )
        return partial(self._search, space, fixed, how)

    def _job(self, name: str, fixed: Sequence[str], params: dict[str, Any]) -> tuple[Job, DictConfig]:
        """A trial as a job, and its configuration."""
        overrides = [*fixed, *(f"{key}={value}" for key, value in params.items())]
        config = self.loader.load_sweep_config(self.config, overrides)
        runs = self.runs(config)
        return Job(overrides, runs, runs, name, len(runs)), config

    def _search(
        self, space: dict[str, BaseDistribution], fixed: list[str], how: SweepOptions, directory: Path
    ) -> list[str]:
        """Ask for trials, launch them, and tell their worth, until the study has enough of them."""
        from harness.sweeping.provenance import resuming

        self.note(directory)
        storage = self.storage or f"sqlite:///{directory.resolve() / 'optuna.db'}"
        name = self.study_name or f"{directory.resolve().parent.name}/{directory.name}"
        pruner = make_pruner(self.pruner, self.pruner_options) if self.pruner else None
        study = open_study(storage, name, self.direction, self.sampler, self.seed, pruner)
        lost: list[str] = []
        with one_line(storage, resuming(directory)):
            while batch := self._batch(study, space, directory):
                lost += self._try_out(study, batch, fixed, how, directory)
            write_results(study, directory)
        return lost

    def _try_out(
        self, study: Study, batch: dict[int, dict[str, Any]], fixed: list[str], how: SweepOptions, directory: Path
    ) -> list[str]:
        """Launch trials together, and tell their worth."""
        from harness.sweeping.sitting import launch_all, still_to_do

        jobs: list[Job] = []
        for number, params in batch.items():
            try:
                jobs.append(self._job(str(number), fixed, params)[0])
            except UserError as error:
                tell(study, number, None, str(error))
        left, before = still_to_do(directory, jobs, lambda: None, how.take_over, pruned=True)
        if self.pruner:
            by_runs = {frozenset(job.ids): int(job.name) for job in jobs}
            for job in left:
                if (number := by_runs.get(frozenset(job.ids), -1)) >= 0:
                    pruning = Pruning.of(study, number, self.pruner, self.pruner_options, how.objective)
                    pruning.write(job.folder(directory))
        lost = launch_all(directory, left, before, self.launch)
        self._tell_all(study, jobs, how.objective, directory)
        return lost

    def _tell_all(self, study: Study, jobs: Sequence[Job], objective: str, directory: Path) -> None:
        """Tell what has come of trials."""
        runs = _table(directory, "runs")
        curves = _table(directory, "curves") if self.pruner else runs
        for job in jobs:
            number, own = int(job.name), runs[runs.run_id.isin(job.ids)]
            value, why = worth(own, objective, self.direction)
            if self.pruner and (value is not None or why == PRUNED):
                curve, diverged = curves[curves.run_id.isin(job.ids)], own.diverged_at.dropna()
                report(study, number, standings(curve, diverged, objective, self.direction))
            tell(study, number, value, why)

    def launch(self, overrides: list[list[str]]) -> list[BaseException | None]:
        return super().launch([[*each, "+sweep.pruning=true"] for each in overrides] if self.pruner else overrides)

    def _batch(self, study: Study, space: dict[str, BaseDistribution], directory: Path) -> dict[int, dict[str, Any]]:
        """The next trials, by their numbers: those that an earlier sitting here has left unfinished come first."""
        from optuna.trial import TrialState

        place = str(directory.resolve())
        trials = study.get_trials(deepcopy=False)
        begun = [each for each in trials if each.state == TrialState.RUNNING and each.user_attrs.get(PLACE) == place]
        for each in begun:
            if each.params.keys() != space.keys():
                tell(study, each.number, None, "interrupted before its settings were chosen, or others are asked for")
        found: list[Trial | FrozenTrial] = [each for each in begun if each.params.keys() == space.keys()][: self.n_jobs]
        for _ in range(min(self.n_jobs - len(found), self.n_trials - len(trials))):
            trial = study.ask(space)
            trial.set_user_attr(PLACE, place)
            found.append(trial)
        return {each.number: each.params for each in found}


def _table(directory: Path, name: str) -> pd.DataFrame:
    """A table of all jobs."""
    import pandas as pd

    from harness.tables.jobs import finished_jobs
    from harness.tables.storage import read_table

    tables = [read_table(folder / f"{name}.parquet") for folder in finished_jobs(directory)]
    return pd.concat(tables, ignore_index=True) if tables else pd.DataFrame({"run_id": []})


def worth(runs: pd.DataFrame, objective: str, direction: str) -> tuple[float | None, str]:
    """What a trial is worth: the mean of the objective over its runs, None where one has failed, and the reason.

    A run that has diverged, or has no such number, is as bad as can be.
    """
    if not len(runs):
        return None, "left no result"
    if (failed := runs[runs.status == "failed"]).shape[0]:
        return None, str(failed.reason.iloc[0])
    if (runs.status == PRUNED).any():
        return None, PRUNED
    mean = float(runs[objective].astype(float).mean(skipna=False))
    if (runs.status == "diverged").any() or not math.isfinite(mean):
        return WORST[direction], ""
    return mean, ""
