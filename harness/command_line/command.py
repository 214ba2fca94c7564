"""The words of a command line, read once."""

from __future__ import annotations

import os
import re
from argparse import Namespace
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from hydra._internal.utils import get_args_parser
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override
from hydra.errors import HydraException

from harness.command_line.resuming import quoted, resumed
from harness.plugins.registry import registry
from harness.settings.members import as_list

PLUGINS = "plugins="

KINDS = {"cell": "cell", "experiment": "experiment", "study": "experiment", "probes": "probe"}
"""Config groups whose choices are plugins, and the plugins' kind."""


@dataclass(frozen=True)
class Command:
    """A command line.

    Attributes:
        words: as typed, but for ``resume=DIR`` (the words of the sweep that goes on instead) and for the files in
            ``plugins=[…]``, which are absolute paths: jobs may run in other directories.
        flags: what Hydra's parser makes of them.
        completed: the words that the shell wants completed, where it calls for that.
    """

    words: list[str]
    flags: Namespace
    completed: list[str]

    @classmethod
    def read(cls, typed: Sequence[str]) -> Command:
        """Read the words behind ``python -m harness``.

        Raises:
            UserError: ``resume=DIR`` names no sweep to go on with, or stands beside words that would change its runs.
        """
        words = [_with_absolute_paths(word) for word in resumed(typed)]
        return cls(words, get_args_parser().parse_intermixed_args(words), _words_to_complete())

    @property
    def multirun(self) -> bool:
        """Whether a setting may have several values."""
        return bool(self.flags.multirun)

    @property
    def runs(self) -> bool:
        """Whether anything is run, rather than shown."""
        flags = self.flags
        return not (flags.help or flags.hydra_help or flags.cfg or flags.info or flags.shell_completion)

    @property
    def for_hydra(self) -> list[str]:
        """The words for Hydra: a single run is a sweep of one job, so that one path leads from here to a report."""
        settings = self.flags.overrides
        flags = [word for word in self.words if word not in settings]
        if self.runs and not self.multirun:
            flags = ["--multirun", *(word for word in flags if word not in ("--run", "-r"))]
        if self.runs:
            settings = [_for_one_cell(word) for word in settings]
        return [*flags, *settings]  # Hydra reads its flags in one place only

    @cached_property
    def overrides(self) -> list[Override]:
        """The settings that are named; words that cannot be read are left for Hydra to refuse."""
        found = []
        for word in [*self.flags.overrides, *self.completed]:
            with suppress(HydraException):
                found.append(_parsed(word))
        return found

    @property
    def plugin_files(self) -> list[str]:
        """The files of ``plugins=[…]``."""
        return [path for each in self.overrides if each.key_or_group == "plugins" for path in as_list(each.value())]

    @property
    def plugins(self) -> list[tuple[str, str]]:
        """Pairs of kind and name of the plugins that are chosen."""
        found = []
        for override in self.overrides:
            if kind := KINDS.get(override.key_or_group):
                with suppress(HydraException):  # glob(*) must know what there is
                    found += [(kind, name) for name in _values(override)]
        return found


def _for_one_cell(word: str) -> str:
    """An option of one cell, ``lstm.forget_bias=1``, as a choice of one value: what is chosen among, Hydra hands on.

    It knows no such key, and would refuse it before the sweeper makes an option of the cell in question of it.
    """
    with suppress(HydraException):
        override = _parsed(word)
        cell, dot, _ = override.key_or_group.partition(".")
        if dot and cell in registry().names("cell") and not override.is_sweep_override():
            return f"{override.get_key_element()}=choice({override.get_value_element_as_str()})"
    return word


def _parsed(word: str) -> Override:
    return OverridesParser.create().parse_override(word)


def _values(override: Override) -> Iterator[str]:
    if override.is_sweep_override():
        return (each.strip("'\"") for each in override.sweep_string_iterator())
    return iter(as_list(override.value()))


def _with_absolute_paths(word: str) -> str:
    if not word.startswith(PLUGINS):
        return word
    paths = (quoted(str(Path(path).resolve())) for path in as_list(_parsed(word).value()))
    return PLUGINS + f"[{','.join(paths)}]"


def _words_to_complete() -> list[str]:
    """The words that the shell wants completed: they stand in a variable."""
    if line := os.environ.get("COMP_LINE"):
        # As they were typed: Hydra, which reads the variable too, makes nothing of a shell's quotes.
        os.environ["COMP_LINE"] = line = re.sub(r"(?<=\s)(['\"])(\S*)\1(?=\s)", r"\2", line)
        return line.split()
    return []
