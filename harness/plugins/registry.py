"""Finding plugins, and ``python -m harness.plugins``: what there is, one line each.

A plugin is a class with a ``name`` in a module of its own: a `Cell` in ``harness/cells``, an `Experiment`
in ``experiments``, a `Figure` in ``harness/figures``, a `Probe` in ``harness/probes``, or any of them in a
module that an installed package announces under the entry-point group ``harness.plugins``, or in a file that is
named with ``plugins=[path/to/file.py]``. Nothing is registered by hand. What cannot be used is listed as broken,
with the reason, and never stops the others.
"""

from __future__ import annotations

import inspect
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any

from harness.base.errors import UserError, reason, unknown
from harness.base.paths import shipped_folder
from harness.plugins.checks import _checked
from harness.plugins.loading import _files, _modules, _plugins_in, folders, kinds


@dataclass(frozen=True)
class Plugin:
    """One plugin: its kind (``cell``, ``experiment``, ``figure``, ``probe``), its class, and where it comes from."""

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
    """A module, or a class in it, that could not be used, and the one-line reason.

    Attributes:
        kind: of plugin; empty for a whole module.
        name: the plugin's name as far as it is known, else the module's.
    """

    kind: str
    name: str
    origin: str
    reason: str

    def error(self, kind: str, name: str) -> UserError:
        """What who asked for it is told."""
        return UserError(f"{kind}={name}: {self.origin} cannot be used: {self.reason}")


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
        raise self.why_not(kind, name) or unknown(kind, name, self.names(kind))

    def why_not(self, kind: str, name: str) -> UserError | None:
        """Why a plugin cannot be used, where a broken one has this name."""
        for broken in self.broken:
            if name in (broken.name, Path(broken.origin).stem):
                return broken.error(kind, name)
        return None


def use(paths: Iterable[str | Path]) -> None:
    """Add plugin files to those that this process knows.

    Raises:
        UserError: there is no such file.
    """
    for path in map(Path, paths):
        if path.suffix != ".py" or not path.is_file():
            raise UserError(f"plugins=[{path}]: no such file; valid: paths of Python files")
        shipped = path.resolve().parent in {folder.resolve() for _, folder in folders()}
        if path.resolve() not in _files and not shipped:
            _files.append(path.resolve())
            registry.cache_clear()


@cache
def registry() -> Registry:
    """All plugins of this installation and of the files in use (found once per process)."""
    plugins: dict[tuple[str, str], Plugin] = {}
    broken: list[Broken] = []
    bases = kinds()
    for origin, path, load in _modules():
        try:
            module = load()
            if not isinstance(module, ModuleType):
                raise UserError(f"is a {type(module).__name__}; valid: a module that holds plugins")
        except (Exception, SystemExit) as error:
            broken.append(Broken("", Path(origin).stem, origin, reason(error, path)))
            continue
        for kind, target in _plugins_in(module, bases):
            try:
                plugin = Plugin(kind, _checked(kind, target), target, origin)
                if (kind, plugin.name) in plugins:
                    raise UserError(f"{kind} {plugin.name!r} exists already in {plugins[kind, plugin.name].origin}")
                plugins[kind, plugin.name] = plugin
            except Exception as error:
                broken.append(Broken(kind, getattr(target, "name", target.__name__), origin, reason(error)))
    return Registry(plugins, broken)


def studies() -> dict[str, tuple[str, str]]:
    """For every study where it comes from and what it is: those of ``conf/study``, and experiments' own sweeps."""
    found = {
        plugin.name: (plugin.origin, plugin.target.claim)
        for plugin in registry().of_kind("experiment")
        if plugin.target.sweep
    }
    for path in sorted((shipped_folder("conf") / "study").glob("*.yaml")):
        comments = [line.lstrip("# ") for line in path.read_text("utf-8").splitlines() if line.startswith("#")]
        summary = next((line for line in comments if not line.startswith("@")), "")
        found[path.stem] = (f"conf/study/{path.name}", summary)
    return found


if __name__ == "__main__":
    from harness.plugins.listing import main

    sys.exit(main())
