"""The words of a command line, read once."""

from __future__ import annotations

import os
import re
from argparse import Namespace
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import NoReturn

from hydra._internal.utils import get_args_parser
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override
from hydra.errors import HydraException

from harness.base.errors import UserError
from harness.base.pluggable import Pluggable
from harness.command_line.resuming import RESUME, quoted, resumed
from harness.plugins.registry import registry
from harness.settings.members import as_list

PLUGINS = "plugins="

PATH = ".path"
"""What an option that is a path is called, of whatever plugin: ``experiment.path``."""

KINDS = {"cell": "cell", "experiment": "experiment", "study": "experiment", "probes": "probe"}
"""Config groups whose choices are plugins, and the plugins' kind."""


@dataclass(frozen=True)
class Command:
    """A command line.

    Attributes:
        words: as typed, but for ``resume=DIR`` (the words of the sweep that goes on instead) and for the files in
            ``plugins=[…]`` and in options called ``path``, which are absolute: jobs may run in other directories.
        flags: what Hydra's parser makes of them.
        completed: the words that the shell wants completed, where it calls for that.
        resumes: whether these are the words of an earlier sitting of the sweep, which goes on.
        asked: run_ids of all that is asked for, by the commands of one sweep together, as far as they are carried out.
        reports: whether a report is due when it is done: of several commands of one sweep, after the last.
        classes: plugins that are handed over as classes, which jobs in other processes have to be given.
        directories: where it has worked, as far as it is carried out.
    """

    words: list[str]
    flags: Namespace
    completed: list[str]
    resumes: bool = False
    reports: bool = True
    asked: set[str] = field(default_factory=set)
    classes: tuple[type[Pluggable], ...] = ()
    directories: list[Path] = field(default_factory=list)

    @classmethod
    def read(cls, typed: Sequence[str], classes: Sequence[type[Pluggable]] = ()) -> list[Command]:
        """Read the words behind ``python -m harness``: one command, with ``resume=DIR`` all that a sweep began with.

        Args:
            classes: plugins that no file holds.

        Raises:
            UserError: ``resume=DIR`` names no sweep to go on with, or stands beside words that would change its runs;
                or a word can mean nothing.
        """
        commands = resumed(typed)
        resumes = any(word.startswith(RESUME) for word in typed)
        found, asked = list[Command](), set[str]()
        for number, given in enumerate(commands, start=1):
            words = [_with_absolute_paths(word) for word in given]
            flags = _flags(words)
            _check_words(flags.overrides)
            last = number == len(commands)
            found.append(cls(words, flags, _words_to_complete(), resumes, last, asked, tuple(classes)))
        return found

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
        elif self.flags.cfg:
            cell = next((name for kind, name in self.plugins if kind == "cell"), None)
            settings = [own for word in settings if (own := _shown(word, cell)) is not None]
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


def _flags(words: list[str]) -> Namespace:
    parser = get_args_parser()

    def refuse(message: str) -> NoReturn:
        valid = sorted(flag for action in parser._actions for flag in action.option_strings if flag.startswith("--"))
        raise UserError(f"{message.removeprefix('unrecognized arguments: ')}: valid: key=value, {', '.join(valid)}")

    parser.error = refuse  # type: ignore[method-assign]
    return parser.parse_intermixed_args(words)


def _check_words(settings: Sequence[str]) -> None:
    """Refuse what Hydra would answer in many lines, or take without a word.

    Raises:
        UserError: it stands there.
    """
    for word in settings:
        key, _, value = word.partition("=")
        if not key.strip("+~ "):
            raise UserError(f"{word}: the key is missing; valid: key=value")
        if not key.isascii():
            raise UserError(f"{word}: no key has such letters; valid: key=value, as --help lists them")
        if not value.isascii() and not re.search(r"['\"]", value):
            raise UserError(f"{word}: valid: letters other than A to Z in quotes, as in \"{key}='{value}'\"")
        if key.lstrip("+") == "hydra.mode":
            raise UserError(f"{word}: valid: -m where a setting has several values, and nothing else")


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


def _shown(word: str, chosen: str | None) -> str | None:
    """A word as the shown configuration of one job has it: an option of another cell than the chosen one is not."""
    cell, dot, option = word.partition(".")
    if not dot or cell not in registry().names("cell"):
        return word
    return f"cell.{option}" if cell == chosen else None


def _parsed(word: str) -> Override:
    return OverridesParser.create().parse_override(word)


def _values(override: Override) -> Iterator[str]:
    if override.is_sweep_override():
        return (each.strip("'\"") for each in override.sweep_string_iterator())
    return iter(as_list(override.value()))


def _with_absolute_paths(word: str) -> str:
    if word.startswith(PLUGINS):
        paths = (quoted(str(Path(path).resolve())) for path in as_list(_parsed(word).value()))
        return PLUGINS + f"[{','.join(paths)}]"
    if word.partition("=")[0].endswith(PATH):
        word = re.sub(r"(?<=[=,])~(?=/)", os.path.expanduser("~"), word)  # Hydra takes ~ for a word of its own
        with suppress(HydraException):
            override = _parsed(word)
            if override.is_choice_sweep() or isinstance(override.value(), str):
                paths = (quoted(os.path.abspath(Path(path).expanduser())) for path in _values(override))
                return f"{override.get_key_element()}={','.join(paths)}"
    return word


def _words_to_complete() -> list[str]:
    """The words that the shell wants completed: they stand in a variable."""
    if line := os.environ.get("COMP_LINE"):
        # As they were typed: Hydra, which reads the variable too, makes nothing of a shell's quotes.
        os.environ["COMP_LINE"] = line = re.sub(r"(?<=\s)(['\"])(\S*)\1(?=\s)", r"\2", line)
        return line.split()
    return []
