"""The sweeper that searches: Optuna asks for trials, and is told what has come of their runs.

A trial is a job: the settings that the search chooses, in a pack where a setting is a list (``seed=[0,1,2]``). What a
trial is worth stands in its tables, so that every launcher can run it, and a search that was interrupted goes on from
the study in its storage: trials that had begun are finished, with the same runs.
"""

from __future__ import annotations

import inspect
import json
import math
import sys
from collections.abc import Sequence
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import IntervalSweep, Override
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig

from harness.base.errors import UserError, first_line, reason, unknown
from harness.base.files import write_text
from harness.command_line.command import Command
from harness.command_line.sweeper import PackingSweeper, Work
from harness.settings.conduct import SweepOptions, conduct, run_settings
from harness.settings.members import members
from harness.sweeping.jobs import Job

if TYPE_CHECKING:
    import pandas as pd
    from optuna import Study
    from optuna.distributions import BaseDistribution
    from optuna.trial import FrozenTrial, Trial

DIRECTIONS = ("minimize", "maximize")

RESULTS = "optimization_results.yaml"
"""The file with the best trial; it has the name and the keys of that of Hydra's sweeper for Optuna."""

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
        params: dict[str, str] | None = None,
    ):
        super().__init__(command, params)
        self.n_trials, self.n_jobs, self.direction = n_trials, n_jobs, direction
        self.storage, self.study_name = storage, study_name
        self.sampler, self.seed = sampler, seed

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
        import optuna

        samplers = [name for name in dir(optuna.samplers) if _is_usable(getattr(optuna.samplers, name))]
        if self.sampler not in samplers:
            raise unknown("hydra.sweeper.sampler", self.sampler, samplers)
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
            ends = {key: _ends(each)[end] for key, each in space.items()}
            how = conduct(self._job("0", fixed, ends)[1]).sweep
        return partial(self._search, space, fixed, how)

    def _job(self, name: str, fixed: Sequence[str], params: dict[str, Any]) -> tuple[Job, DictConfig]:
        """A trial as a job, and its configuration."""
        overrides = [*fixed, *(f"{key}={value}" for key, value in params.items())]
        config = self.loader.load_sweep_config(self.config, overrides)
        runs = members(run_settings(config))
        return Job(overrides, runs, runs, name, len(runs)), config

    def _search(
        self, space: dict[str, BaseDistribution], fixed: list[str], how: SweepOptions, directory: Path
    ) -> list[str]:
        """Ask for trials, launch them, and tell their worth, until the study has enough of them."""
        from harness.sweeping.sitting import launch_all, still_to_do

        self.note(directory)
        study = self._study(directory)
        lost: list[str] = []
        while batch := self._batch(study, space, directory):
            jobs: list[Job] = []
            for number, params in batch.items():
                try:
                    jobs.append(self._job(str(number), fixed, params)[0])
                except UserError as error:
                    _tell(study, number, None, str(error))
            left, before = still_to_do(directory, jobs, lambda: None, how.take_over)
            lost += launch_all(directory, left, before, self.launch)
            runs = _runs(directory)
            for job in jobs:
                _tell(study, int(job.name), *worth(runs[runs.run_id.isin(job.ids)], how.objective, self.direction))
        _write_results(study, directory)
        return lost

    def _study(self, directory: Path) -> Study:
        import optuna

        optuna.logging.set_verbosity(optuna.logging.WARNING)
        storage = self.storage or f"sqlite:///{directory.resolve() / 'optuna.db'}"
        try:
            study = optuna.create_study(
                storage=storage,
                study_name=self.study_name or f"{directory.resolve().parent.name}/{directory.name}",
                direction=self.direction,
                load_if_exists=True,
            )
            # A sitting that goes on must not draw again what the first has drawn.
            seed = None if self.seed is None else self.seed + len(study.get_trials(deepcopy=False))
            study.sampler = getattr(optuna.samplers, self.sampler)(seed=seed)
        except Exception as error:  # of Optuna, of its database, or of a package that a sampler needs
            raise UserError(f"hydra.sweeper.storage={storage}, sampler={self.sampler}: {reason(error)}") from error
        return study

    def _batch(self, study: Study, space: dict[str, BaseDistribution], directory: Path) -> dict[int, dict[str, Any]]:
        """The next trials, by their numbers: those that an earlier sitting here has left unfinished come first."""
        from optuna.trial import TrialState

        place = str(directory.resolve())
        trials = study.get_trials(deepcopy=False)
        begun = [each for each in trials if each.state == TrialState.RUNNING and each.user_attrs.get(PLACE) == place]
        for each in begun:
            if each.params.keys() != space.keys():
                _tell(study, each.number, None, "interrupted before its settings were chosen, or others are asked for")
        found: list[Trial | FrozenTrial] = [each for each in begun if each.params.keys() == space.keys()][: self.n_jobs]
        for _ in range(min(self.n_jobs - len(found), self.n_trials - len(trials))):
            trial = study.ask(space)
            trial.set_user_attr(PLACE, place)
            found.append(trial)
        return {each.number: each.params for each in found}


def distribution(override: Override) -> BaseDistribution:
    """What a word of Hydra's grammar searches: an interval, a range of whole numbers, or some values.

    Raises:
        UserError: it holds no value.
    """
    from optuna import distributions

    value = override.value()
    if isinstance(value, IntervalSweep):
        whole = isinstance(value.start, int) and isinstance(value.end, int)
        kind: Any = distributions.IntDistribution if whole else distributions.FloatDistribution
        try:
            made: BaseDistribution = kind(value.start, value.end, log="log" in value.tags)
        except ValueError as error:
            raise UserError(f"{override.input_line}: {first_line(error)}") from None
        return made
    values = list(override.sweep_string_iterator())
    if not values:
        raise UserError(f"{override.input_line}: matches nothing; valid: at least one value")
    if override.is_range_sweep() and all(each.lstrip("-").isdecimal() for each in values):
        numbers = sorted(map(int, values))
        step = numbers[1] - numbers[0] if len(numbers) > 1 else 1
        return distributions.IntDistribution(numbers[0], numbers[-1], step=step)
    return distributions.CategoricalDistribution(values)


EXHAUSTIVE = "BruteForceSampler"
"""A sampler that tries all there is, as a sweep does, and would end the study by itself."""


def _is_usable(found: object) -> bool:
    """Whether this is a sampler that can be made from a seed, and searches."""
    if not isinstance(found, type) or inspect.isabstract(found) or found.__name__ == EXHAUSTIVE:
        return False
    parameters = inspect.signature(found).parameters
    return "seed" in parameters and all(each.default is not each.empty for each in parameters.values())


def _ends(searched: Any) -> tuple[Any, Any]:
    """The first and the last value of what is searched."""
    choices = getattr(searched, "choices", None)
    return (choices[0], choices[-1]) if choices else (searched.low, searched.high)


def _runs(directory: Path) -> pd.DataFrame:
    """The runs of all jobs."""
    import pandas as pd

    from harness.tables.jobs import finished_jobs
    from harness.tables.storage import read_table

    tables = [read_table(folder / "runs.parquet") for folder in finished_jobs(directory)]
    return pd.concat(tables, ignore_index=True) if tables else pd.DataFrame({"run_id": []})


def worth(runs: pd.DataFrame, objective: str, direction: str) -> tuple[float | None, str]:
    """What a trial is worth: the mean of the objective over its runs, None where one has failed, and the reason.

    A run that has diverged, or has no such number, is as bad as can be.
    """
    if not len(runs):
        return None, "left no result"
    if (failed := runs[runs.status == "failed"]).shape[0]:
        return None, str(failed.reason.iloc[0])
    mean = float(runs[objective].astype(float).mean(skipna=False))
    if (runs.status == "diverged").any() or not math.isfinite(mean):
        return (math.inf if direction == "minimize" else -math.inf), ""
    return mean, ""


def _tell(study: Study, number: int, value: float | None, why: str) -> None:
    """Tell a trial's worth to the study, and to whoever watches."""
    from optuna.trial import TrialState

    if value is None:
        study.tell(number, state=TrialState.FAIL)
        print(f"trial {number} has failed: {why}", file=sys.stderr, flush=True)
    else:
        study.tell(number, value)


def _write_results(study: Study, directory: Path) -> None:
    from optuna.trial import TrialState

    if not study.get_trials(deepcopy=False, states=[TrialState.COMPLETE]):
        print("no trial has come to its end", file=sys.stderr)
        return
    best = study.best_trial
    lines = [f"  {key}: {json.dumps(value)}" for key, value in best.params.items()]
    value = {math.inf: ".inf", -math.inf: "-.inf"}.get(best.value, repr(best.value))
    text = ["name: optuna", "best_params:", *lines, f"best_value: {value}", f"best_job: '{best.number}'"]
    write_text(directory / RESULTS, "\n".join(text) + "\n")
    said = ", ".join(f"{key}={value}" for key, value in best.params.items())
    print(f"best of {len(study.trials)} trials: {said}: {best.value:g} (job {best.number})", file=sys.stderr)
