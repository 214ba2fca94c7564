"""What the words of a command line choose, before Hydra reads them: plugin files, and plugins by name."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import suppress

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override
from hydra.errors import HydraException

from harness.plugins.loading import listed, plugin_files
from harness.plugins.registry import registry

PLUGINS = "plugins="

KINDS = {"cell": "cell", "experiment": "experiment", "study": "experiment", "probes": "probe"}
"""Config groups whose choices are plugins, and the plugins' kind."""


def files(words: Iterable[str]) -> list[str]:
    """The files of ``plugins=[…]``, as they stand there."""
    return [path for word in words if word.startswith(PLUGINS) for path in listed(_parsed(word).value())]


def names(words: Sequence[str]) -> list[tuple[str, str]]:
    """Pairs of kind and name of the plugins that are chosen; words that cannot be read choose nothing."""
    found = []
    for word in words:
        with suppress(HydraException):  # words that are no overrides, and glob(*), which must know what there is
            override = _parsed(word)
            if kind := KINDS.get(override.key_or_group):
                found += [(kind, name) for name in _values(override)]
    return found


def refuse_broken(words: Sequence[str]) -> list[str]:
    """Notes on what the plugin files in use hold that cannot be used.

    Raises:
        UserError: it is what these words ask for; another plugin of that name would otherwise run in its place.
    """
    asked, notes = names(words), []
    for broken in registry().broken:
        if broken.origin in map(str, plugin_files()):
            for kind, name in asked:
                # A module that cannot be imported is asked for by who asks for what it is named after.
                if broken.name == name and broken.kind in (kind, ""):
                    raise broken.error(kind, name)
            notes.append(f"{broken.origin} cannot be used: {broken.reason}")
    return notes


def _parsed(word: str) -> Override:
    return OverridesParser.create().parse_override(word)


def _values(override: Override) -> list[str]:
    if override.is_sweep_override():
        return [each.strip("'\"") for each in override.sweep_string_iterator()]
    return listed(override.value())
