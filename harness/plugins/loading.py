"""Finding plugins, and ``python -m harness.plugins``: what there is, one line each.

A plugin is a class with a ``name`` in a module of its own: a `Cell` in ``harness/cells``, an `Experiment`
in ``experiments``, a `Figure` in ``harness/figures``, a `Probe` in ``harness/probes``, or any of them in a
module that an installed package announces under the entry-point group ``harness.plugins``, or in a file that is
named with ``plugins=[path/to/file.py]``. Nothing is registered by hand. What cannot be used is listed as broken,
with the reason, and never stops the others.
"""

from __future__ import annotations

import hashlib
import importlib
import importlib.util
import inspect
import sys
from collections.abc import Callable, Iterator
from functools import partial
from importlib.metadata import entry_points
from pathlib import Path
from types import ModuleType
from typing import Any

from harness.base.paths import PACKAGE, shipped_folder

ENTRY_POINT_GROUP = "harness.plugins"


def kinds() -> dict[str, type[Any]]:
    """The base class of each kind of plugin."""
    from harness.cells.base import Cell
    from harness.figures.base import Figure
    from harness.probes.base import Probe
    from harness.tasks.experiment import Experiment

    return {"cell": Cell, "experiment": Experiment, "figure": Figure, "probe": Probe}


_files: list[Path] = []


def listed(value: object) -> list[str]:
    """The setting ``plugins``: a list of paths, or one path."""
    return [str(each) for each in value] if isinstance(value, list) else [str(value)]


def plugin_files() -> list[Path]:
    """The files that were taken in by `use`."""
    return [*_files]


def folders() -> list[tuple[str, Path]]:
    """Where plugins lie that need no announcement: pairs of package and folder."""
    return [
        ("harness.cells", PACKAGE / "cells"),
        ("harness.experiments", shipped_folder("experiments")),
        ("harness.figures", PACKAGE / "figures"),
        ("harness.probes", PACKAGE / "probes"),
    ]


def _modules() -> Iterator[tuple[str, Path | None, Callable[[], Any]]]:
    """Origin, file where it is known, and a function that imports the module, in a fixed order."""
    for package, folder in folders():
        for path in sorted(folder.glob("*.py")):
            if not path.stem.startswith("_"):
                yield f"{folder.name}/{path.name}", path, partial(import_file, f"{package}.{path.stem}", path)
    for entry in sorted(entry_points(group=ENTRY_POINT_GROUP), key=lambda entry: entry.name):
        yield entry.value, None, entry.load
    for path in _files:
        name = f"harness_plugin_{path.stem}_{hashlib.sha256(str(path).encode()).hexdigest()[:8]}"
        yield str(path), path, partial(import_file, name, path)


def import_file(name: str, path: Path) -> ModuleType:
    """Import the file at ``path`` as module ``name`` (once: later calls return the same module)."""
    if name in sys.modules:
        return sys.modules[name]
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
    return module


def _plugins_in(module: ModuleType, bases: dict[str, type[Any]]) -> Iterator[tuple[str, type[Any]]]:
    """The classes of a module that are meant to be plugins: those with a name of their own."""
    for target in vars(module).values():
        if not inspect.isclass(target) or target.__module__ != module.__name__:
            continue
        for kind, base in bases.items():
            if issubclass(target, base) and ("name" in vars(target) or not inspect.isabstract(target)):
                yield kind, target
