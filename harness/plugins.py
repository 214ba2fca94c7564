"""Finding plugins, and ``python -m harness.plugins``: what there is, one line each.

A plugin is a class with a ``name`` in a module of its own: a `Cell` in ``harness/cells``, an `Experiment`
in ``experiments``, a `Figure` in ``harness/figures``, or any of them in a module that an installed package
announces under the entry-point group ``harness.plugins``. Nothing is registered by hand. A module that
cannot be imported is listed as broken, with the reason, and never stops the others.
"""

from __future__ import annotations

import importlib
import importlib.util
import inspect
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from importlib.metadata import entry_points
from pathlib import Path
from types import ModuleType
from typing import Any

from harness.errors import UserError, unknown
from harness.tables import first_line

PACKAGE = Path(__file__).parent
ENTRY_POINT_GROUP = "harness.plugins"


def shipped_folder(name: str) -> Path:
    """Where ``conf`` and ``experiments`` lie: inside the installed package, or beside it in a source tree."""
    installed = PACKAGE / name
    return installed if installed.is_dir() else PACKAGE.parent / name


@dataclass(frozen=True)
class Plugin:
    """One plugin: its kind (``cell``, ``experiment``, ``figure``), its class, and where it comes from."""

    kind: str
    name: str
    target: type[Any]
    origin: str

    @property
    def summary(self) -> str:
        """First line of the class's docstring."""
        return (inspect.getdoc(self.target) or "").partition("\n")[0]


@dataclass(frozen=True)
class Broken:
    """A module that could not be used, and the one-line reason."""

    origin: str
    reason: str


@dataclass(frozen=True)
class Registry:
    """All plugins that were found, by kind and name, and what could not be used."""

    plugins: dict[tuple[str, str], Plugin]
    broken: list[Broken]

    def names(self, kind: str) -> list[str]:
        """Names of all plugins of a kind, sorted."""
        return sorted(name for found, name in self.plugins if found == kind)

    def of_kind(self, kind: str) -> list[Plugin]:
        """All plugins of a kind, sorted by name."""
        return [self.plugins[kind, name] for name in self.names(kind)]

    def get(self, kind: str, name: str) -> type[Any]:
        """The class of a plugin.

        Raises:
            UserError: there is none of that name; the message lists the valid ones, or the broken module.
        """
        if (kind, name) in self.plugins:
            return self.plugins[kind, name].target
        for broken in self.broken:
            if Path(broken.origin).stem == name:
                raise UserError(f"{kind}={name}: its file {broken.origin} cannot be used: {broken.reason}")
        raise unknown(kind, name, self.names(kind))


def kinds() -> dict[str, type[Any]]:
    """The base class of each kind of plugin."""
    from harness.cells import Cell
    from harness.experiment import Experiment
    from harness.figures import Figure

    return {"cell": Cell, "experiment": Experiment, "figure": Figure}


@cache
def registry() -> Registry:
    """All plugins of this installation (found once per process)."""
    plugins: dict[tuple[str, str], Plugin] = {}
    broken: list[Broken] = []
    bases = kinds()
    for origin, load in _modules():
        try:
            for plugin in _plugins_in(load(), origin, bases):
                key = (plugin.kind, plugin.name)
                if key in plugins:
                    raise UserError(f"{plugin.kind} {plugin.name!r} exists already in {plugins[key].origin}")
                plugins[key] = plugin
        except Exception as error:
            broken.append(Broken(origin, f"{type(error).__name__}: {first_line(error)}"))
    return Registry(plugins, broken)


def _modules() -> Iterator[tuple[str, Any]]:
    """Pairs of origin and a function that imports the module, in a fixed order."""
    for package, folder in [
        ("harness.cells", PACKAGE / "cells"),
        ("harness.experiments", shipped_folder("experiments")),
        ("harness.figures", PACKAGE / "figures"),
    ]:
        for path in sorted(folder.glob("*.py")):
            if not path.stem.startswith("_"):
                origin = f"{folder.name}/{path.name}"
                yield origin, lambda name=f"{package}.{path.stem}", path=path: import_file(name, path)
    for entry in sorted(entry_points(group=ENTRY_POINT_GROUP), key=lambda entry: entry.name):
        yield entry.value, entry.load


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


def _plugins_in(module: ModuleType, origin: str, bases: dict[str, type[Any]]) -> Iterator[Plugin]:
    for target in vars(module).values():
        if not inspect.isclass(target) or target.__module__ != module.__name__ or inspect.isabstract(target):
            continue
        for kind, base in bases.items():
            if issubclass(target, base):
                plugin: Any = target
                yield Plugin(kind, plugin.name, plugin, origin)


def studies() -> dict[str, str]:
    """Names of the studies in ``conf/study``, with the first comment line of each as its summary."""
    found = {}
    for path in sorted((shipped_folder("conf") / "study").glob("*.yaml")):
        comments = [line.lstrip("# ") for line in path.read_text("utf-8").splitlines() if line.startswith("#")]
        found[path.stem] = next((line for line in comments if not line.startswith("@")), "")
    return found


def main() -> None:
    """Print every plugin and study: kind, name, where it comes from, and its one-line summary."""
    found = registry()
    lines = [(plugin.kind, plugin.name, plugin.origin, plugin.summary) for plugin in found.plugins.values()]
    lines += [("study", name, f"conf/study/{name}.yaml", text) for name, text in studies().items()]
    lines += [("broken", Path(each.origin).stem, each.origin, each.reason) for each in found.broken]
    widths = [max(len(line[column]) for line in lines) for column in range(3)]
    for line in lines:
        print("  ".join([*(text.ljust(width) for text, width in zip(line, widths, strict=False)), line[3]]))


if __name__ == "__main__":
    main()
