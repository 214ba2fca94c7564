"""Errors in one line, whoever raises them: the harness, Hydra, OmegaConf, or code that nobody foresaw."""

from __future__ import annotations

from pathlib import Path

from hydra.errors import HydraException, MissingConfigException, OverrideParseException
from omegaconf.errors import ConfigAttributeError, ConfigKeyError, OmegaConfBaseException

from harness.base.errors import UserError, unknown, unknown_setting
from harness.command_line.command import KINDS, Command
from harness.command_line.help import setting_names
from harness.plugins.registry import registry

SHOWN = 5
"""Owners of an option that are named."""


def explain(error: Exception, command: Command | None) -> str:
    """One line for any error.

    Args:
        command: the command line as far as it could be read.
    """
    if isinstance(error, MissingConfigException) and error.missing_cfg_file:
        group, _, name = error.missing_cfg_file.rpartition("/")
        kind = "study" if group == "study" else KINDS.get(group, group)
        if valid := error.options or registry().names(kind):
            return str(registry().why_not(kind, name) or unknown(group, name, valid)) + _hint_at_file(name)
    if isinstance(error, OverrideParseException):
        return f"{error.override}: cannot be read as key=value ({one_line(error.message)})"
    if isinstance(error.__cause__, ConfigAttributeError | ConfigKeyError):
        return _no_setting(str(error.__cause__.full_key), command)
    if isinstance(error.__cause__, OmegaConfBaseException):
        return one_line(f"{error} {error.__cause__}")
    if isinstance(error, UserError | HydraException | OmegaConfBaseException):
        return one_line(str(error))
    return one_line(f"{type(error).__name__}: {error} (HYDRA_FULL_ERROR=1 shows where)")


def _no_setting(key: str, command: Command | None) -> str:
    """Why a key cannot be set: a plugin that is not chosen has it, or a word is missing, or nobody knows it."""
    kind, _, option = key.partition(".")
    options = {plugin.name: getattr(plugin.target, "model_fields", {}) for plugin in registry().of_kind(kind)}
    if owners := [name for name, known in options.items() if option in known]:
        asked = [name for name in owners if command and (kind, name) in command.plugins]
        shown = (asked or owners)[:SHOWN]
        others = len(asked or owners) - len(shown)
        where = f"{key}: no option of this {kind}; it is one of {', '.join(f'{kind}={name}' for name in shown)}"
        where += f" and {others} more" if others else ""
        own = [f"{name}.{option}=…" for name in asked if kind == "cell"]
        return where + (f"; valid: {', '.join(own)}, for the runs of that cell alone" if own else "")
    return str(unknown_setting(key, setting_names(command)))


def _hint_at_file(name: str) -> str:
    """That a file of this name lies here, and was not added."""
    path = Path(f"{name}.py")
    added = path.resolve() in registry().files
    return "" if added or not path.is_file() else f"; {path} is added with 'plugins=[{path}]'"


def one_line(text: str) -> str:
    """A text of several lines as one."""
    return " ".join(text.split())
