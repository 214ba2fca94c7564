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
import re
import sys
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import cache, partial
from importlib.metadata import entry_points
from pathlib import Path
from types import ModuleType
from typing import Any

from omegaconf import OmegaConf

from harness.errors import UserError, reason, unknown
from harness.options import Options, build

PACKAGE = Path(__file__).parent
ENTRY_POINT_GROUP = "harness.plugins"


def shipped_folder(name: str) -> Path:
    """Where ``conf`` and ``experiments`` lie: inside the installed package, or beside it in a source tree."""
    installed = PACKAGE / name
    return installed if installed.is_dir() else PACKAGE.parent / name


VALUES = {"false", "inf", "nan", "no", "null", "off", "on", "true", "yes"}
"""Words that Hydra and YAML read as values."""

NAMES = "lower-case letters, digits and _, a letter first, and no word that is read as a value, like null"
"""What a plugin may be called, in words; see `is_name`."""


def is_name(name: object) -> bool:
    """Whether a plugin may be called so."""
    return isinstance(name, str) and bool(re.fullmatch(r"[a-z][a-z0-9_]*", name)) and name not in VALUES


TEXTS = {"experiment": ["claim"], "figure": ["title", "caption"]}
"""What a plugin of a kind must say of itself besides its name."""


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


def kinds() -> dict[str, type[Any]]:
    """The base class of each kind of plugin."""
    from harness.cells import Cell
    from harness.experiment import Experiment
    from harness.figures import Figure
    from harness.probes import Probe

    return {"cell": Cell, "experiment": Experiment, "figure": Figure, "probe": Probe}


_files: list[Path] = []


def listed(value: object) -> list[str]:
    """The setting ``plugins``: a list of paths, or one path."""
    return [str(each) for each in value] if isinstance(value, list) else [str(value)]


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


def plugin_files() -> list[Path]:
    """The files that were taken in by `use`."""
    return [*_files]


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


def _checked(kind: str, target: type[Any]) -> str:
    """The plugin's name, after a look at what would otherwise break those who never asked for it.

    Raises:
        UserError: the class cannot be registered.
    """
    if missing := sorted(getattr(target, "__abstractmethods__", ())):
        raise UserError(f"{target.__name__} does not define {', '.join(missing)}")
    name = getattr(target, "name", None)
    if not isinstance(name, str) or not is_name(name):
        raise UserError(f"{target.__name__}.name = {name!r}; valid: {NAMES}")
    for text in TEXTS.get(kind, ()):
        if not isinstance(getattr(target, text, None), str):
            raise UserError(f"{target.__name__} does not define {text}")
    if kind == "probe" and target.adds not in ("table", "columns"):
        raise UserError(f"{target.__name__}.adds = {target.adds!r}; valid: table, columns")
    if issubclass(target, Options):
        if needed := [name for name, field in target.model_fields.items() if field.is_required()]:
            raise UserError(f"{target.__name__} has options without defaults: {', '.join(needed)}")
        build(target, {}, prefix=f"{target.__name__}.")
        _storable(target)
    return name


def _storable(target: type[Options]) -> None:
    """Refuse options whose defaults a configuration cannot hold."""
    for option, default in target.defaults_of_options().items():
        try:
            OmegaConf.create({option: default})
        except Exception as error:
            raise UserError(f"{target.__name__}.{option}: no default for a configuration: {reason(error)}") from None


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
    from harness.plugin_list import main

    sys.exit(main())
