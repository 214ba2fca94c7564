"""The sweeper: from the overrides of a command line to jobs of packed runs, and to a report at the end.

It does what Hydra's basic sweeper does, with three additions: settings that change no shape are packed into lists
(``weight_scale=0.9,1.0`` becomes one job with ``weight_scale=[0.9,1.0]``), every run is validated before
anything is written, and the results are gathered and reported. It works with every launcher.
"""

from __future__ import annotations

import itertools
import json
import math
import os
import platform
import shlex
import sys
from collections.abc import Iterator
from datetime import datetime
from importlib.metadata import version
from pathlib import Path
from typing import ClassVar

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override
from hydra.core.plugins import Plugins
from hydra.core.utils import JobStatus
from hydra.plugins.launcher import Launcher
from hydra.plugins.sweeper import Sweeper
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig, OmegaConf

import harness
from harness.errors import UserError
from harness.gather import gather
from harness.job import describe, plain, work
from harness.progress import Planned, Watch
from harness.report import build, print_summary
from harness.settings import PACKED, members
from harness.tables import write_text
from harness.trackers import Tracker, track, tracker

MAX_MEMBERS = 64
"""Most runs in one pack: larger packs bring nothing more on a CPU and need memory in proportion."""

VERSIONS_OF = ["torch", "numpy", "pandas", "hydra-core", "seaborn", "matplotlib", "pyarrow"]


class PackingSweeper(Sweeper):
    """Packs what can be packed, multiplies out the rest.

    Args:
        params: sweeps of a study, key to override value, as in Hydra's basic sweeper; an override of the
            same key on the command line replaces them.
        multirun: whether several values were allowed (``-m``).
    """

    # Hydra takes plugins only from modules of this package.
    __module__ = "hydra_plugins.harness"
    multirun: ClassVar[bool] = True

    config: DictConfig

    def __init__(self, params: dict[str, str] | None = None):
        self.params = params or {}

    def setup(self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig) -> None:
        self.loader = hydra_context.config_loader
        self.config = config
        self.launcher: Launcher = Plugins.instance().instantiate_launcher(
            hydra_context=hydra_context, task_function=task_function, config=config
        )

    def sweep(self, arguments: list[str]) -> None:
        """Validate all runs, launch the jobs, gather and report.

        Raises:
            UserError: a setting is not valid; nothing has been written.
            SystemExit: with 1 where a run has failed, with 130 after an interruption.
        """
        chosen = tracker(self.config.tracker)
        jobs = self._jobs(arguments)
        directory = Path(self.config.hydra.sweep.dir)
        planned = [self._plan(directory / "jobs" / str(number), job) for number, job in enumerate(jobs)]
        if (directory / "jobs").exists():
            raise UserError(f"hydra.sweep.dir={directory}: holds results already; valid: a new directory")
        directory.mkdir(parents=True, exist_ok=True)
        OmegaConf.save(self.config, directory / "multirun.yaml")
        study = self.config.hydra.runtime.choices.get("study")
        write_text(directory / "provenance.json", json.dumps(provenance(study, self._command()), indent=2))
        try:
            with Watch(planned):
                results = self.launcher.launch(jobs, initial_job_idx=0)
        except KeyboardInterrupt:
            print("interrupted; what is done is reported", file=sys.stderr)
            if any(directory.glob("jobs/*/tables/runs.parquet")):
                report(directory, chosen)
            raise SystemExit(130) from None
        lost = [str(result._return_value) for result in results if result.status != JobStatus.COMPLETED]
        for reason in lost:
            print(f"a job was lost: {reason}", file=sys.stderr)
        if report(directory, chosen) or lost:
            raise SystemExit(1)

    def _command(self) -> str:
        """The command line as it was typed: a single run is a multirun of one job only inside."""
        arguments = [each for each in sys.argv[1:] if self.multirun or each != "--multirun"]
        return shlex.join(["python", "-m", "harness", *arguments])

    def _jobs(self, arguments: list[str]) -> list[list[str]]:
        """The overrides of each job."""
        parser = OverridesParser.create(config_loader=self.loader)
        own = [f"{key}={values}" for key, values in self.params.items()]
        # A dictionary by key: what the command line says replaces what a study says.
        choices: dict[str, tuple[str, list[str]]] = {}
        for override in parser.parse_overrides([*own, *arguments]):
            key = override.get_key_element()
            choices[key.lstrip("+~")] = (key, self._values(override))
        lists = []
        for name, values in pack({name: values for name, (_, values) in choices.items()}).items():
            lists.append([f"{choices[name][0]}={value}" for value in values])
        return [list(job) for job in itertools.product(*lists)]

    def _values(self, override: Override) -> list[str]:
        if not override.is_sweep_override():
            return [override.get_value_element_as_str()]
        if not self.multirun:
            raise UserError(f"{override.input_line}: several values are a multirun; add -m, or give one value")
        if not override.is_discrete_sweep():
            raise UserError(f"{override.input_line}: this sweeper needs a list of values, a range or a glob")
        return list(override.sweep_string_iterator())

    def _plan(self, directory: Path, overrides: list[str]) -> Planned:
        """What a job will do; composing and validating its configuration on the way."""
        config = self.loader.load_sweep_config(self.config, overrides)
        runs = members(plain(config))
        return Planned(directory, describe(runs), len(runs), work(runs))


def pack(choices: dict[str, list[str]]) -> dict[str, list[str]]:
    """Turn the values of packed settings into lists, in packs of at most `MAX_MEMBERS` members.

    >>> pack({"cell": ["rnn", "gru"], "seed": ["0", "1"]})
    {'cell': ['rnn', 'gru'], 'seed': ['[0,1]']}
    """
    packed = {name: len(values) for name, values in choices.items() if name in PACKED and len(values) > 1}
    while math.prod(packed.values()) > MAX_MEMBERS:
        longest = max(packed, key=lambda name: packed[name])
        packed[longest] = math.ceil(packed[longest] / 2)
    return {
        name: [f"[{','.join(chunk)}]" for chunk in batched(values, packed[name])] if name in packed else values
        for name, values in choices.items()
    }


def batched(values: list[str], size: int) -> Iterator[list[str]]:
    """Consecutive pieces of at most ``size`` values."""
    for start in range(0, len(values), size):
        yield values[start : start + size]


def provenance(study: str | None, command: str) -> dict[str, object]:
    """What reproduces a sweep: the command, the versions, and what machine it ran on."""
    return {
        "command": command,
        "started": datetime.now().astimezone().isoformat(timespec="seconds"),
        "study": study,
        "versions": {
            "harness": harness.__version__,
            "python": platform.python_version(),
            **{name: version(name) for name in VERSIONS_OF},
        },
        "machine": {"system": platform.platform(), "processor": platform.machine(), "cores": os.cpu_count()},
    }


def report(directory: Path, chosen: Tracker | None = None) -> int:
    """Gather the results, build the report, print the findings and, last, the report's path.

    Returns:
        The number of failed runs, and of jobs whose tables are damaged.
    """
    tables = gather(directory, skip_damaged=True)
    for problem in tables.left_out:
        print(f"left out: {problem}", file=sys.stderr)
    path = build(directory, tables)
    track(chosen, directory, tables)
    print_summary(tables)
    failed = tables.runs[tables.runs.status == "failed"]
    if len(failed):
        print(
            f"{len(failed)} of {len(tables.runs)} runs failed, the first with {failed.reason.iloc[0]}",
            file=sys.stderr,
        )
    print(path, flush=True)
    return len(failed) + len(tables.left_out)
