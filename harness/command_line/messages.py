"""``python -m harness``: Hydra, with our plugins as config groups and one-line errors."""

from __future__ import annotations

import re
from pathlib import Path

from hydra.errors import HydraException, MissingConfigException, OverrideParseException
from omegaconf.errors import OmegaConfBaseException

from harness.base.errors import UserError, unknown, unknown_setting
from harness.command_line import launchers
from harness.command_line.help import setting_names
from harness.plugins.loading import plugin_files
from harness.plugins.registry import registry, studies


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
