"""``python -m harness``: Hydra, with our plugins as config groups and one-line errors."""

from __future__ import annotations

import os
import re
import sys
from pathlib import Path
from typing import Any

import hydra
from hydra._internal.utils import get_args_parser
from hydra.core.config_store import ConfigStore
from hydra.core.plugins import Plugins
from hydra.errors import HydraException, MissingConfigException, OverrideParseException
from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException

from harness import choices, launchers
from harness.conduct import CONDUCT, plain
from harness.errors import UserError, unknown, unknown_setting
from harness.experiment import Experiment
from harness.job import run_job
from harness.plugins import Plugin, plugin_files, registry, shipped_folder, studies, use
from harness.resuming import quoted, resumed
from harness.settings import Settings, described
from harness.sweep import INTERRUPTED, PackingSweeper
from harness.trackers import TRACKERS

GROUPS = ["cell"]
"""Config groups that an experiment may choose from in its `defaults`."""
SWEEPER = "hydra_plugins.harness.PackingSweeper"

HELP = """\
Compare recurrent networks by what they learn and by how much gradient arrives at every time step.

  python -m harness                                  one run of the defaults
  python -m harness cell=lstm seq_len=40             one run, other settings
  python -m harness -m cell=rnn,lstm seed=0,1,2      a sweep over all combinations
  python -m harness -m +study=dish                   a named sweep
  python -m harness experiment=copy --help           the options of an experiment; likewise of a cell
  python -m harness resume=DIR                       go on with a sweep that was interrupted
  python -m harness.report DIR                       rebuild the report of a results directory
  python -m harness.plugins                          every experiment, cell, figure and study

== Choose one of (group=name) ==

$APP_CONFIG_GROUPS
== Set (key=value) ==

{settings}

== The configuration as it stands ==

$CONFIG"""


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
        hydra.main(version_base="1.3", config_path=str(shipped_folder("conf")), config_name="config")(run_job)()
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


def register() -> None:
    """Give Hydra our sweeper, our help, and a config-group entry for every cell and experiment."""
    _register_sweeper()
    store = ConfigStore.instance()
    store.store("pack", {"_target_": SWEEPER, "params": None}, group="hydra/sweeper")
    store.store("harness", {"app_name": "harness", "header": "", "footer": "", "template": help_template()},
                group="hydra/help")  # fmt: skip
    for plugin in registry().of_kind("cell"):
        store.store(plugin.name, {"name": plugin.name, **plugin.target.defaults_of_options()}, group="cell")
    for plugin in registry().of_kind("experiment"):
        store.store(plugin.name, experiment_config(plugin.target), group="experiment", package="_global_")
        if plugin.target.sweep:
            store.store(plugin.name, study_config(plugin.target), group="study", package="_global_")
    for plugin in registry().of_kind("probe"):
        store.store(plugin.name, plugin.target.defaults_of_options(), group="probes", package=f"probes.{plugin.name}")


def experiment_config(experiment: type[Experiment]) -> dict[str, Any]:
    """An experiment's options, and the settings of the run that it starts from."""
    made = OmegaConf.create({"experiment": {"name": experiment.name, **experiment.defaults_of_options()}})
    choices = []
    for key, value in experiment.defaults.items():
        if key in GROUPS:
            choices.append({f"override /{key}": value})
        else:
            OmegaConf.update(made, key, value)
    return {"defaults": ["_self_", *choices], **plain(made)}


def study_config(experiment: type[Experiment]) -> dict[str, Any]:
    """The study that runs an experiment's own sweep."""
    params = {key: str(value) for key, value in experiment.sweep.items()}
    return {
        "defaults": ["_self_", {"override /experiment": experiment.name}],
        "hydra": {"sweeper": {"params": params}},
    }


def _register_sweeper() -> None:
    """Hydra takes sweepers by names below ``hydra_plugins`` only; workers find the class where it stands."""
    Plugins.instance().register(PackingSweeper)
    Plugins.instance().class_name_to_class[SWEEPER] = PackingSweeper
    launchers.register()


def help_template() -> str:
    """The text of ``--help``, with every setting and the options of the plugins in question."""
    lines = [*described(Settings), ("tracker", f"where a finished sweep is logged: none, {', '.join(TRACKERS)}")]
    for key, section in CONDUCT.items():
        lines += described(section, f"{key}.")
    for kind in ("cell", "experiment"):
        for plugin in _in_question(kind):
            options = described(plugin.target, f"{kind}.")
            lines += [(key, f"({plugin.name}) {text}") for key, text in options]
    for plugin in registry().of_kind("probe"):
        lines += described(plugin.target, f"probes.{plugin.name}.")
    width = max(len(key) for key, _ in lines)
    settings = "\n".join(f"  {key.ljust(width)}  {text}" for key, text in lines)
    # A dollar sign or an interpolation in a description is text, not a template.
    return HELP.format(settings=settings.replace("$", "$$").replace("{", "("))


def explain(error: Exception) -> str:
    """One line for any error: ours, Hydra's, OmegaConf's, or one that nobody foresaw."""
    if isinstance(error, MissingConfigException) and error.missing_cfg_file:
        group, _, name = error.missing_cfg_file.rpartition("/")
        kind = {"probes": "probe"}.get(group, group)
        if valid := error.options or registry().names(kind):
            return str(registry().why_not(kind, name) or unknown(group, name, valid)) + _hint_at_file(name)
    if isinstance(error, OverrideParseException):
        return f"{error.override}: cannot be read as key=value ({one_line(error.message)})"
    if found := re.search(r"Could not override '(?:\w+@)?([^']+)'", str(error)):
        return _no_setting(found[1])
    if found := re.search(r"Unknown plugin class : '.*\.(\w+)'", str(error)):
        for extra, name in launchers.EXTRAS.items():
            if name == found[1]:
                return f"hydra/launcher={extra}: not installed; install it with: pip install '.[{extra}]'"
    if isinstance(error.__cause__, OmegaConfBaseException):
        return one_line(f"{error} {error.__cause__}")
    if isinstance(error, UserError | HydraException | OmegaConfBaseException):
        return one_line(str(error))
    return one_line(f"{type(error).__name__}: {error} (HYDRA_FULL_ERROR=1 shows where)")


def _no_setting(key: str) -> str:
    """Why a key cannot be set: a plugin that is not chosen has it, or a word is missing, or nobody knows it."""
    if key == "study":
        return f"study: a study is added to the settings; valid: +study=NAME with one of {', '.join(sorted(studies()))}"
    kind, _, option = key.partition(".")
    options = {plugin.name: getattr(plugin.target, "model_fields", {}) for plugin in registry().of_kind(kind)}
    if owners := [f"{kind}={name}" for name, known in options.items() if option in known]:
        return f"{key}: no option of this {kind}; it is one of {', '.join(owners)}"
    return str(unknown_setting(key, setting_names()))


def _hint_at_file(name: str) -> str:
    """That a file of this name lies here, and was not taken in."""
    path = Path(f"{name}.py")
    taken = path.resolve() in plugin_files()
    return "" if taken or not path.is_file() else f"; {path} is taken in with 'plugins=[{path}]'"


def one_line(text: str) -> str:
    """A text of several lines as one."""
    return " ".join(text.split())


def setting_names() -> list[str]:
    """Every key that can be set, the options of the plugins in question included."""
    names = ["experiment", "cell", "tracker", *(key for key, _ in described(Settings))]
    names += [f"{key}.{name}" for key, section in CONDUCT.items() for name, _ in described(section)]
    for kind in ("cell", "experiment"):
        names += [f"{kind}.{key}" for plugin in _in_question(kind) for key in plugin.target.model_fields]
    for plugin in registry().of_kind("probe"):
        names += ["probes", *(f"probes.{plugin.name}.{key}" for key in plugin.target.model_fields)]
    return sorted(set(names))


def _in_question(kind: str) -> list[Plugin]:
    """The plugins of a kind that the command line names, or all where it names none."""
    named = {name for each, name in choices.names(sys.argv[1:]) if each == kind}
    return [plugin for plugin in registry().of_kind(kind) if not named or plugin.name in named]
