"""The text of ``--help``, and the names of all settings."""

from __future__ import annotations

from textwrap import fill

from omegaconf import DictConfig, OmegaConf

from harness.command_line.command import KINDS, Command
from harness.plugins.registry import Plugin, registry
from harness.plugins.studies import studies
from harness.settings.conduct import CONDUCT
from harness.settings.settings import Settings, described
from harness.tasks.distractors import Distractors
from harness.trackers import TRACKERS

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

{groups}

== Set (key=value) ==

{settings}

== The configuration as it stands ==

{config}"""


WIDTH = 110
"""Characters of a line of names."""

APART = 3
"""As many plugins with an option of one name are listed one by one; more are counted."""


def help_text(command: Command, config: DictConfig) -> str:
    """The text of ``--help``: what can be chosen, every setting, the options of the plugins in question.

    Args:
        config: the configuration that the command line composes.
    """
    lines = [*described(Settings), ("tracker", f"where a sweep is logged while it runs: none, {', '.join(TRACKERS)}")]
    for key, section in CONDUCT.items():
        lines += described(section, f"{key}.")
    for kind in ("cell", "experiment"):
        owners: dict[str, list[tuple[str, str]]] = {}
        for plugin in _in_question(kind, command):
            for key, text in described(plugin.target, f"{kind}."):
                owners.setdefault(key, []).append((plugin.name, text))
        for key, found in owners.items():
            if len(found) <= APART:
                lines += [(key, f"({name}) {text}") for name, text in found]
            else:
                lines.append((key, f"({len(found)} {kind}s, as {found[0][0]}) {found[0][1]}"))
    lines += [(key, f"(any experiment) {text}") for key, text in described(Distractors, "experiment.")]
    for plugin in registry().of_kind("probe"):
        lines += described(plugin.target, f"probes.{plugin.name}.")
    width = max(len(key) for key, _ in lines)
    choices = {group: registry().names(kind) for group, kind in KINDS.items()}
    choices["study"] = sorted(studies(command.flags.config_dir))
    return HELP.format(
        groups="\n".join(
            fill(f"{group}: {', '.join(names)}", WIDTH, subsequent_indent="  ", break_on_hyphens=False)
            for group, names in sorted(choices.items())
        ),
        settings="\n".join(f"  {key.ljust(width)}  {text}" for key, text in lines),
        config=OmegaConf.to_yaml(config, resolve=command.flags.resolve),
    )


def setting_names(command: Command | None) -> list[str]:
    """Every key that can be set, the options of the plugins in question included."""
    names = ["experiment", "cell", "tracker", *(key for key, _ in described(Settings))]
    names += [key for key, _ in described(Distractors, "experiment.")]
    names += [f"{key}.{name}" for key, section in CONDUCT.items() for name, _ in described(section)]
    for kind in ("cell", "experiment"):
        names += [f"{kind}.{key}" for plugin in _in_question(kind, command) for key in plugin.target.model_fields]
    for plugin in registry().of_kind("probe"):
        names += ["probes", *(f"probes.{plugin.name}.{key}" for key in plugin.target.model_fields)]
    return sorted(set(names))


def _in_question(kind: str, command: Command | None) -> list[Plugin]:
    """The plugins of a kind that the command line names, or all where it names none."""
    named = {name for each, name in command.plugins if each == kind} if command else set()
    return [plugin for plugin in registry().of_kind(kind) if not named or plugin.name in named]
