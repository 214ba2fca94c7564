"""What is refused before Hydra reads the command line, because Hydra would say it worse or not at all."""

from __future__ import annotations

from hydra.core.override_parser.types import OverrideType

from harness.base.errors import UserError
from harness.command_line.command import Command
from harness.plugins.registry import registry
from harness.plugins.studies import studies


def refuse_broken_files(command: Command) -> list[str]:
    """Notes on what the added plugin files hold that cannot be used.

    Raises:
        UserError: it is what this command asks for; another plugin of that name would otherwise run in its place.
    """
    notes = []
    for broken in registry().broken_in_files():
        for kind, name in command.plugins:
            # A module that cannot be imported is asked for by whoever asks for what it is named after.
            if broken.name == name and broken.kind in (kind, ""):
                raise broken.error(kind, name)
        notes.append(f"{broken.origin} cannot be used: {broken.reason}")
    return notes


def refuse_study_without_plus(command: Command) -> None:
    """Refuse ``study=NAME``: no study is chosen by default that it could replace.

    Raises:
        UserError: it stands there.
    """
    for override in command.overrides:
        if override.key_or_group == "study" and override.type == OverrideType.CHANGE and not command.completed:
            names = ", ".join(sorted(studies(command.flags.config_dir)))
            raise UserError(f"study: a study is added to the settings; valid: +study=NAME with one of {names}")
