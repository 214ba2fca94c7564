"""Where Hydra's configurations come from: what was read once is not read again.

For every configuration, so twice for every job, Hydra parses a dozen files anew, and copies all that it has in store.
"""

from __future__ import annotations

import copy
import os
from collections.abc import Callable
from functools import wraps
from importlib import resources
from typing import Any

from hydra._internal.sources_registry import SourcesRegistry
from hydra.plugins.config_source import ConfigResult, ConfigSource


def read_once() -> None:
    """Let Hydra's sources remember what they have read. Files that have changed since are read again."""
    sources = SourcesRegistry.instance()
    sources.resolve("structured").__deepcopy__ = _with_one_store  # type: ignore[attr-defined]
    for scheme, place in (("file", _in_folder), ("pkg", _in_package)):
        source = sources.resolve(scheme)
        if not hasattr(source.load_config, "__wrapped__"):
            source.load_config = _remembering(source.load_config, place)  # type: ignore[assignment]


def _with_one_store(source: ConfigSource, memo: dict[int, Any]) -> ConfigSource:
    """A copy of a source that reads the same store, in place of a copy of it: it does not change what it reads."""
    return copy.copy(source)


def _in_folder(source: ConfigSource, name: str) -> str:
    return os.path.join(source.path, name)


def _in_package(source: ConfigSource, name: str) -> str:
    return str(resources.files(source.path).joinpath(name))


def _remembering(
    load: Callable[[Any, str], ConfigResult], place: Callable[[ConfigSource, str], str]
) -> Callable[[Any, str], ConfigResult]:
    kept: dict[tuple[str, str, str], tuple[tuple[int, int], ConfigResult]] = {}

    @wraps(load)
    def load_config(source: ConfigSource, config_path: str) -> ConfigResult:
        try:
            file = os.stat(place(source, ConfigSource._normalize_file_name(config_path)))
        except OSError:  # it is not there, or in an archive
            return load(source, config_path)
        key, state = (source.provider, source.path, config_path), (file.st_mtime_ns, file.st_size)
        if key not in kept or kept[key][0] != state:
            kept[key] = state, load(source, config_path)
        return copy.deepcopy(kept[key][1])  # Hydra takes the defaults list out of it

    return load_config
