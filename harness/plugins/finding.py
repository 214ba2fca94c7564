"""Where plugins are looked for, and the classes that are meant to be plugins."""

from __future__ import annotations

import importlib.util
import inspect
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from importlib import import_module
from importlib.metadata import entry_points
from pathlib import Path
from types import ModuleType
from typing import Any

from harness.base.hashes import short_hash
from harness.base.paths import PACKAGE, shipped_folder
from harness.base.pluggable import Pluggable

ENTRY_POINT_GROUP = "harness.plugins"

KINDS = ("cell", "experiment", "figure", "probe")


@dataclass(frozen=True)
class Source:
    """A module that may hold plugins.

    Attributes:
        origin: where it is, in words.
        load: imports it.
        path: its file, where it is known.
        kind: the only kind of plugin that is looked for in it; None: any.
    """

    origin: str
    load: Callable[[], Any]
    path: Path | None = None
    kind: str | None = None


def folder_of(kind: str) -> Path:
    """The folder that is searched for plugins of a kind, with the folders in it; names that start with _ are not."""
    return shipped_folder("experiments") if kind == "experiment" else PACKAGE / f"{kind}s"


def shipped_sources() -> Iterator[Source]:
    """The modules that come with the harness, then those of installed packages, in a fixed order."""
    for kind in KINDS:
        folder = folder_of(kind)
        for path in sorted(folder.rglob("*.py")):
            parts = path.relative_to(folder).with_suffix("").parts
            if not any(part.startswith("_") for part in parts):
                load = partial(import_file, ".".join([f"harness.{kind}s", *parts]), path)
                # An experiment's file may bring a figure or a probe of its own.
                only = None if kind == "experiment" else kind
                yield Source(f"{folder.name}/{'/'.join(parts)}.py", load, path, only)
    for entry in sorted(entry_points(group=ENTRY_POINT_GROUP), key=lambda entry: entry.name):
        yield Source(entry.value, entry.load)


def file_source(path: Path) -> Source:
    """A plugin file that somebody names."""
    name = f"harness_plugin_{path.stem}_{short_hash(str(path), 8)}"
    return Source(str(path), partial(import_file, name, path), path)


def import_file(name: str, path: Path) -> ModuleType:
    """Import the file at ``path`` as module ``name`` (once: later calls return the same module).

    As ever, a module within a package is the package's, too: ``import harness.cells.classic.rnn as rnn`` looks there.
    """
    if name in sys.modules:
        return sys.modules[name]
    package, _, last = name.rpartition(".")
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[name]
        raise
    if package:
        with suppress(ModuleNotFoundError):  # a folder that was named for searching is no package
            setattr(import_module(package), last, module)
    return module


def plugin_classes(module: ModuleType) -> Iterator[type[Pluggable]]:
    """The classes of a module that are meant to be plugins: those with a name of their own, and finished ones."""
    for target in vars(module).values():
        own = inspect.isclass(target) and target.__module__ == module.__name__
        if own and issubclass(target, Pluggable) and ("name" in vars(target) or not inspect.isabstract(target)):
            yield target
