"""``python -m harness``: Hydra, with our plugins as config groups and one-line errors."""

from __future__ import annotations

import os
import re
import sys
from pathlib import Path

import hydra
from hydra._internal.utils import get_args_parser
from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig

from harness.base.paths import shipped_folder
from harness.command_line import words as choices
from harness.command_line.groups import register
from harness.command_line.messages import explain
from harness.command_line.resuming import quoted, resumed
from harness.command_line.sweeper import INTERRUPTED, PackingSweeper
from harness.plugins.registry import use
from harness.sweep.worker import run_job


def main() -> None:
    """Run the command line: one run, or with ``-m`` a sweep; exits with 1 and one line on bad input."""
    before = os.environ.get("HYDRA_FULL_ERROR")
    # Hydra prints errors over many lines unless it is told to let them through.
    os.environ["HYDRA_FULL_ERROR"] = "1"
    try:
        sys.argv[1:] = resumed(sys.argv[1:])
        use_plugin_files()
        register()
        _as_multirun()
        hydra.main(version_base="1.3", config_path=str(shipped_folder("conf")), config_name="config")(job)()
    except BrokenPipeError:  # who read the output has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)
    except KeyboardInterrupt:
        print("harness: interrupted", file=sys.stderr)
        sys.exit(INTERRUPTED)
    except Exception as error:
        if before == "1":
            raise
        print(f"harness: {explain(error)}", file=sys.stderr)
        sys.exit(1)
    finally:
        if before is None:
            del os.environ["HYDRA_FULL_ERROR"]


def job(config: DictConfig) -> float:
    """Run one job, in the directory that Hydra gives it (see `run_job`)."""
    return run_job(Path(HydraConfig.get().runtime.output_dir), config)


def use_plugin_files() -> None:
    """Take in the files of ``plugins=[…]``: what they bring must be known before the command line is read.

    Raises:
        UserError: a file is not there, or holds something broken under a name that is asked for.
    """
    words = [*sys.argv[1:], *_line_to_complete()]
    if not (paths := choices.files(words)):
        return
    use(paths)
    # Jobs may run in other directories.
    absolute = choices.PLUGINS + f"[{','.join(quoted(str(Path(path).resolve())) for path in paths)}]"
    sys.argv = [absolute if word.startswith(choices.PLUGINS) else word for word in sys.argv]
    for note in choices.refuse_broken(words):
        print(f"harness: {note}", file=sys.stderr)


def _line_to_complete() -> list[str]:
    """The words that the shell wants completed, if that is why it calls: they stand in a variable."""
    if line := os.environ.get("COMP_LINE"):
        # As they were typed: Hydra makes nothing of a shell's quotes.
        os.environ["COMP_LINE"] = line = re.sub(r"(?<=\s)(['\"])(\S*)\1(?=\s)", r"\2", line)
        return line.split()
    return []


def _as_multirun() -> None:
    """Make a single run a sweep of one job, so that there is one path from a command line to a report."""
    args = get_args_parser().parse_args()
    other = args.help or args.hydra_help or args.cfg or args.info or args.shell_completion
    PackingSweeper.multirun = bool(args.multirun)
    if not (other or args.multirun):
        sys.argv = [
            sys.argv[0],
            "--multirun",
            *(each for each in sys.argv[1:] if each not in ("--run", "-r")),
        ]
