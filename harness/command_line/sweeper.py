"""The sweeper: from the settings of a command line to jobs of packed runs, and to a report at the end.

It does what Hydra's basic sweeper does, with these additions: settings that change no shape are packed into lists
(``weight_scale=0.9,1.0`` becomes one job with ``weight_scale=[0.9,1.0]``, see `harness.sweeping.packing`), every run is
validated before anything is written, what is done already in the directory is not done again (`harness.sweeping.plan`),
a failure does not end the rest (`harness.sweeping.launching`), and the results are gathered and reported. It works with
every launcher.
"""

from __future__ import annotations

import itertools
import math
import os
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TypeAlias

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override
from hydra.core.plugins import Plugins
from hydra.core.utils import JobStatus
from hydra.plugins.launcher import Launcher
from hydra.plugins.sweeper import Sweeper
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig, OmegaConf, open_dict, read_write

from harness.base.devices import check_present
from harness.base.errors import UserError
from harness.base.files import new_directory
from harness.base.gpus import gpu_count
from harness.command_line.command import Command
from harness.command_line.launchers import check_installed
from harness.command_line.resuming import quoted
from harness.plugins.registry import registry
from harness.settings.conduct import SweepOptions, conduct, run_settings
from harness.settings.members import members, packs_alike
from harness.settings.settings import Settings
from harness.sweeping.jobs import Job, numbered
from harness.sweeping.packing import batched, members_in_memory, most_members, pack
from harness.trackers import check_tracker

Choices: TypeAlias = "dict[str, tuple[str, list[str]]]"
"""For every setting, its key as it was typed and its values."""

Work: TypeAlias = "Callable[[Path], list[str]]"
"""What is done in a results directory; returns a line for all that was lost on a disk without room."""

MOMENT = "${now:"
"""What stands in the name of a directory that is named after the moment."""

INTERRUPTED = 130
"""The exit code after Ctrl-C, as shells have it."""


class PackingSweeper(Sweeper):
    """Packs what can be packed, multiplies out the rest.

    Args:
        command: the command line.
        params: sweeps of a study, key to override value, as in Hydra's basic sweeper; an override of the
            same key on the command line replaces them.
    """

    config: DictConfig

    does_failures_again = True
    """Whether runs that have failed are done again when the sweep is gone on with."""

    def __init__(self, command: Command, params: dict[str, str] | None = None):
        self.command = command
        self.params = params or {}

    def setup(self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig) -> None:
        check_installed(config)
        self.loader = hydra_context.config_loader
        self.config = config
        self.launcher: Launcher = Plugins.instance().instantiate_launcher(
            hydra_context=hydra_context, task_function=task_function, config=config
        )

    def sweep(self, arguments: list[str]) -> None:
        """Validate all runs, launch the jobs of those that are not done, gather and report.

        Raises:
            UserError: a setting is not valid, and nothing has been written; or the directory is being worked on.
            SystemExit: with 1 where a run has failed, with 130 after an interruption.
        """
        check_tracker(self.config.tracker)
        work = self.planned(arguments)
        directory = settle_directory(self.config)
        self.command.directories.append(directory)
        # All is valid: now what takes long to load.
        from harness.command_line.reporting import report
        from harness.sweeping.lock import Lock
        from harness.sweeping.provenance import resuming
        from harness.sweeping.sitting import interruptible
        from harness.tables.jobs import finished_jobs
        from harness.trackers.following import Following

        with Lock(directory), interruptible(), Following(self.config.tracker, directory) as following:
            try:
                lost = work(directory)
            except KeyboardInterrupt:
                print(f"interrupted; to go on:  {resuming(directory)}", file=sys.stderr, flush=True)
                if finished_jobs(directory):
                    report(directory, following)
                raise SystemExit(INTERRUPTED) from None
            for line in lost:
                print(f"not saved: {line}", file=sys.stderr)
            if self.command.reports and (report(directory, following) or lost or self._misses(directory)):
                if self.does_failures_again:
                    print(f"to do again what failed:  {resuming(directory)}", file=sys.stderr)
                raise SystemExit(1)

    def planned(self, arguments: list[str]) -> Work:
        """What is to be done in the results directory, validated."""
        jobs, how = self.jobs(arguments)
        return partial(self._work, jobs, how.take_over)

    def _work(self, jobs: list[Job], take_over: bool, directory: Path) -> list[str]:
        from harness.sweeping.plan import forget_unasked
        from harness.sweeping.sitting import launch_all, still_to_do

        left, before = still_to_do(directory, jobs, partial(self.note, directory), take_over)
        lost = launch_all(directory, left, before, self.launch)
        self.command.asked.update(run_id for job in jobs for run_id in job.ids)
        if self.command.resumes and self.command.reports:
            forget_unasked(directory, self.command.asked)
        return lost

    def note(self, directory: Path) -> None:
        """Write down what is asked for."""
        from harness.sweeping.provenance import note_provenance

        note_provenance(directory, self.config, self.command.words, self.command.resumes)

    def _misses(self, directory: Path) -> bool:
        """Whether a sweep that went on with all of its commands has not come to its end."""
        from harness.sweeping.plan import missing

        left = missing(directory)
        return self.command.resumes and left is not None and left.runs > 0

    def jobs(self, arguments: list[str]) -> tuple[list[Job], SweepOptions]:
        """The jobs of a command line, validated, and how they are conducted."""
        jobs: list[Job] = []
        of_study = [f"{key}={values}" for key, values in self.params.items()]
        typed = self._choices(arguments)
        for choices in self._by_cell({**self._choices(of_study), **typed}, set(typed)):
            first = self._first(choices)
            how = conduct(first).sweep
            jobs += self._jobs(choices, first, how)
        return numbered(jobs), how

    def _jobs(self, choices: Choices, first: DictConfig, how: SweepOptions) -> list[Job]:
        """The jobs of all combinations of values, not yet numbered."""
        values = {name: each for name, (_, each) in choices.items()}
        if how.pack:
            cells = values.get("cell") or self._cells(values.get("experiment", []), str(first.cell.name))
            values = pack(values, how.max_members or most_members(str(first.device)), cells)
        lists = [[f"{choices[name][0]}={value}" for value in each] for name, each in values.items()]
        packs = [
            (overrides, self.runs(first if overrides == _of_first(choices) else self._composed(overrides)))
            for overrides in map(list, itertools.product(*lists))
        ]
        jobs = []
        for overrides, runs in packs:
            fitting = how.max_members or members_in_memory(runs[0], side_by_side(self.config, runs[0].device))
            jobs += [Job(overrides, list(piece), list(piece), "", len(runs)) for piece in batched(runs, fitting)]
        return jobs

    def runs(self, config: DictConfig) -> list[Settings]:
        """The runs of a job.

        Raises:
            UserError: a setting is not valid, or names a device that is not there.
        """
        found = members(run_settings(config))
        if not getattr(self.launcher, "elsewhere", False):
            check_present(found[0].device)
        return found

    def _first(self, choices: Choices) -> DictConfig:
        """The configuration of the first values."""
        return self._composed(_of_first(choices))

    def _composed(self, overrides: list[str]) -> DictConfig:
        return self.loader.load_sweep_config(self.config, overrides)

    def _by_cell(self, choices: Choices, typed: set[str]) -> list[Choices]:
        """Each cell's choices apart, where cells differ in what they take; else all as they are.

        They differ where an option is given by the name of its cell, ``lstm.forget_bias=0,1``, and where an option
        packs in one cell and not in another. Options that a study gives to a cell that was taken out of it are not
        needed.

        Args:
            typed: the settings that stand on the command line, and not in a study alone.

        Raises:
            UserError: no run has the cell that a typed option is given to.
        """
        own = {name for name in choices if name.partition(".")[0] in registry().names("cell") and "." in name}
        shared = {name: each for name, each in choices.items() if name not in own}
        if not own and "cell" not in shared:
            return [choices]
        cells = shared["cell"][1] if "cell" in shared else [str(self._first(shared).cell.name)]
        for name in own & typed:
            if (cell := name.partition(".")[0]) not in cells:
                raise UserError(f"{name}: no run has cell={cell}; valid: options of {', '.join(cells)}")
        if not own and all(packs_alike(name, cells) for name in shared):
            return [choices]
        return [
            {
                **shared,
                "cell": ("cell", [cell]),
                **{
                    name.replace(f"{cell}.", "cell.", 1): (name.replace(f"{cell}.", "cell.", 1), choices[name][1])
                    for name in choices
                    if name in own and name.startswith(f"{cell}.")
                },
            }
            for cell in cells
        ]

    def _cells(self, experiments: list[str], first: str) -> list[str]:
        """The cells of runs for which none is named: those of the experiments' defaults."""
        found = [registry().find("experiment", name) for name in experiments]
        return [first, *(str(cell) for each in found if each and (cell := each.target.defaults.get("cell")))]

    def launch(self, overrides: list[list[str]]) -> list[BaseException | None]:
        """Run jobs by the launcher; returns the error of each, or None."""
        returned = self.launcher.launch(overrides, initial_job_idx=0)
        return [None if each.status == JobStatus.COMPLETED else each._return_value for each in returned]

    def _choices(self, arguments: list[str]) -> Choices:
        """For every setting, its key as it was typed and its values; of two for one setting, the later."""
        parser = OverridesParser.create(config_loader=self.loader)
        choices: Choices = {}
        for override in parser.parse_overrides(arguments):
            key = override.get_key_element()
            choices[key.lstrip("+~")] = (key, self._values(override))
        return choices

    def _values(self, override: Override) -> list[str]:
        if not override.is_sweep_override():
            return [override.get_value_element_as_str()]
        if not override.is_discrete_sweep():
            raise UserError(f"{override.input_line}: this sweeper needs a list of values, a range or a glob")
        values = list(override.sweep_string_iterator())
        if not values:
            raise UserError(f"{override.input_line}: matches nothing; valid: at least one value")
        if len(values) > 1 and not self.command.multirun:
            raise UserError(f"{override.input_line}: several values are a multirun; add -m, or give one value")
        return values


def _of_first(choices: Choices) -> list[str]:
    """What the configuration of the first values is composed from."""
    return [f"{key}={values[0]}" for key, values in choices.values()]


def settle_directory(config: DictConfig) -> Path:
    """Decide where a sweep's results go, before anything is written or launched.

    Where nobody has named the directory, it is named after the moment: another sweep of the same second gets another
    one. Jobs are told where it is from the root: they may run in other directories.

    Returns:
        The directory, as it was said; the configuration has it from now on, and hands it on to all jobs.

    Raises:
        UserError: it cannot be made.
    """
    directory = Path(config.hydra.sweep.dir)
    named = (OmegaConf.to_container(each, resolve=False) for each in (config.hydra.sweep, config.hydra.run))
    sweep, run = (str(each["dir"]) for each in named if isinstance(each, dict))
    if MOMENT in (run if sweep == "${hydra.run.dir}" else sweep):
        directory = new_directory(directory)
    with read_write(config), open_dict(config):
        config.hydra.sweep.dir = str(directory)
        config.hydra.overrides.hydra.append(f"hydra.sweep.dir={quoted(str(directory.absolute()))}")
    return directory


def side_by_side(config: DictConfig, device: str) -> int:
    """How many jobs of this launcher share a machine, or one of its GPUs, and their memory."""
    workers = config.hydra.launcher.get("n_jobs", 1)
    if device != "cpu":
        return max(1, math.ceil(workers / max(1, gpu_count()))) if workers > 1 else 1
    return (os.cpu_count() or 1) if workers < 1 else int(workers)
