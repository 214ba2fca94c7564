"""What happens between a command line and Hydra."""

from __future__ import annotations

import os
import shlex
import sys
from collections.abc import Callable
from pathlib import Path

import hydra
from hydra._internal.hydra import Hydra
from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig

from harness.base.paths import shipped_folder
from harness.command_line.command import Command
from harness.command_line.groups import register
from harness.command_line.help import help_text
from harness.command_line.messages import explain
from harness.command_line.refusing import refuse_broken_files, refuse_study_without_plus
from harness.command_line.resuming import quoted
from harness.command_line.sweeper import INTERRUPTED
from harness.plugins.registry import registry


def main() -> None:
    """Run the command line: one run, or with ``-m`` a sweep; exits with 1 and one line on bad input."""
    command = None
    wants_traceback = os.environ.get("HYDRA_FULL_ERROR") == "1"
    try:
        for each in Command.read(sys.argv[1:]):
            command = each
            carry_out(each)
    except BrokenPipeError:  # the reader of the output has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)
    except KeyboardInterrupt:
        print("harness: interrupted", file=sys.stderr)
        sys.exit(INTERRUPTED)
    except Exception as error:
        if wants_traceback:
            raise
        print(f"harness: {explain(error, command)}", file=sys.stderr)
        sys.exit(1)


def carry_out(command: Command) -> None:
    """Do what one command asks for."""
    if command.resumes:
        print(f"goes on with: {shlex.join(command.words)}", file=sys.stderr)
        for path in command.plugin_files:
            print(f"runs the code in: {path}", file=sys.stderr)
    registry().add_files(command.plugin_files)
    registry().add_classes(command.classes)
    for note in refuse_broken_files(command):
        print(f"harness: {note}", file=sys.stderr)
    refuse_study_without_plus(command)
    register(command)
    if command.flags.help:
        show_help(command)
    else:
        give_to_hydra(command)


def show_help(command: Command) -> None:
    """Print the help. Hydra's own way to it copies all of the configuration a hundred times, for seconds."""
    overrides = list(command.flags.overrides)
    if command.flags.config_dir:
        overrides.append(f"hydra.searchpath=[{quoted('file://' + str(Path(command.flags.config_dir).resolve()))}]")
    with hydra.initialize_config_dir(str(shipped_folder("conf")), version_base="1.3"):
        print(help_text(command, hydra.compose(command.flags.config_name or "config", overrides)))


def give_to_hydra(command: Command) -> None:
    """Let Hydra compose the configuration and do what is asked: run jobs, show the configuration, complete a word."""
    typed, full_error, get_mode = sys.argv, os.environ.get("HYDRA_FULL_ERROR"), Hydra.get_mode
    # Hydra takes its words from there, and prints errors over many lines unless it is told to raise them.
    sys.argv = [typed[0], *command.for_hydra]
    os.environ["HYDRA_FULL_ERROR"] = "1"
    # It would compose all of the configuration only to ask it for ``hydra.mode``. What runs is always a multirun.
    Hydra.get_mode = lambda *args, **kwargs: None  # type: ignore[method-assign]
    try:
        hydra.main(version_base="1.3", config_path=str(shipped_folder("conf")), config_name="config")(job_of(command))()
    finally:
        sys.argv = typed
        Hydra.get_mode = get_mode  # type: ignore[method-assign]
        del os.environ["HYDRA_FULL_ERROR"]
        if full_error is not None:
            os.environ["HYDRA_FULL_ERROR"] = full_error


def job_of(command: Command) -> Callable[[DictConfig], float]:
    """What launchers are given to run; they send classes that no file holds along with it."""
    classes = command.classes
    if not classes:
        return run_job

    def run_job_with_classes(config: DictConfig) -> float:
        registry().add_classes(classes)
        return run_job(config)

    return run_job_with_classes


def run_job(config: DictConfig) -> float:
    """A job, as launchers start it: in this process, in another one, or on another machine."""
    from harness.sweeping.worker import run_job as run

    return run(Path(HydraConfig.get().runtime.output_dir), config)
