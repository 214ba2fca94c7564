"""All plugins of this process, by kind and name, and what cannot be used."""

from __future__ import annotations

import inspect
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any

from harness.base.errors import UserError, reason, unknown
from harness.base.hashes import short_hash
from harness.base.pluggable import Pluggable
from harness.plugins.checks import checked_name
from harness.plugins.finding import KINDS, Source, file_source, folder_of, plugin_classes, shipped_sources
from harness.plugins.fingerprint import fingerprint


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
    """A module, or a class in it, that cannot be used, and the one-line reason.

    Attributes:
        kind: of plugin; empty for a whole module.
        name: the plugin's name as far as it is known, else the module's.
    """

    kind: str
    name: str
    origin: str
    reason: str

    def error(self, kind: str, name: str) -> UserError:
        """The error raised when this plugin is asked for."""
        return UserError(f"{kind}={name}: {self.origin} cannot be used: {self.reason}")


@dataclass
class _Found:
    """What is there of one kind."""

    plugins: dict[str, Plugin] = field(default_factory=dict)
    broken: list[Broken] = field(default_factory=list)


class Registry:
    """The plugins of this installation and of added files. Those of a kind are imported when the kind is asked for.

    Attributes:
        files: plugin files that were added, as absolute paths.
        classes: classes that were added by themselves, as a notebook defines them, by kind and name.
    """

    def __init__(self) -> None:
        self.files: list[Path] = []
        self.classes: dict[tuple[str, str], type[Pluggable]] = {}
        self._sources = list(shipped_sources())
        self._modules: dict[str, ModuleType | Broken] = {}
        self._found: dict[str, _Found] = {}

    def add_files(self, paths: Iterable[str | Path]) -> None:
        """Add plugin files; one that is known already, or lies in a folder that is searched anyway, changes nothing.

        Raises:
            UserError: there is no such file.
        """
        for path in map(Path, paths):
            if path.suffix != ".py" or not path.is_file():
                raise UserError(f"plugins=[{path}]: no such file; valid: paths of Python files")
            path = path.resolve()
            searched = any(path.is_relative_to(folder_of(kind).resolve()) for kind in KINDS)
            if path not in self.files and not searched:
                self.files.append(path)
                self._sources.append(file_source(path))
                self._found.clear()

    def add_classes(self, classes: Iterable[type[Pluggable]]) -> None:
        """Add classes; one that was defined anew takes the place of that which had its name.

        Raises:
            UserError: one of them cannot be a plugin, or a plugin of a file has its name.
        """
        for target in classes:
            name = checked_name(target)
            same = self.find(target.kind, name)
            if same and same.target is not target and (target.kind, name) not in self.classes:
                raise UserError(f"{target.kind} {name!r} exists already in {same.origin}; valid: another name")
            if same is None or same.target is not target:
                self.classes[target.kind, name] = target
                self._found.pop(target.kind, None)

    def code(self) -> dict[str, str]:
        """A hash of the code of every file and class that was added, by their origins."""
        files = {str(path): short_hash(path.read_bytes()) for path in self.files}
        return files | {origin_of(each): fingerprint(each) for each in self.classes.values()}

    def names(self, kind: str) -> list[str]:
        """Names of all plugins of a kind, sorted."""
        return sorted(self._of(kind).plugins)

    def of_kind(self, kind: str) -> list[Plugin]:
        """All plugins of a kind, sorted by name."""
        return [self._of(kind).plugins[name] for name in self.names(kind)]

    def find(self, kind: str, name: str) -> Plugin | None:
        """The plugin of that kind and name, if there is one."""
        return self._of(kind).plugins.get(name)

    def get(self, kind: str, name: str) -> type[Any]:
        """The class of a plugin.

        Raises:
            UserError: there is none of that name; the message lists the valid ones, or says why a broken one is broken.
        """
        if plugin := self.find(kind, name):
            return plugin.target
        raise self.why_not(kind, name) or unknown(kind, name, self.names(kind))

    def why_not(self, kind: str, name: str) -> UserError | None:
        """The reason why a plugin cannot be used; None where no broken one has this name."""
        for broken in self._of(kind).broken:
            if name in (broken.name, Path(broken.origin).stem):
                return broken.error(kind, name)
        return None

    @property
    def broken(self) -> list[Broken]:
        """All that cannot be used, of every kind."""
        return list(dict.fromkeys(each for kind in KINDS for each in self._of(kind).broken))

    def broken_in_files(self) -> list[Broken]:
        """What cannot be used of the added files; kinds of which these hold nothing are not imported."""
        modules = [self._module(source) for source in self._sources if source.path in self.files]
        kinds = {each.kind for module in modules if isinstance(module, ModuleType) for each in plugin_classes(module)}
        broken = [module for module in modules if isinstance(module, Broken)]
        broken += [each for kind in sorted(kinds) for each in self._of(kind).broken]
        origins = set(map(str, self.files))
        return list(dict.fromkeys(each for each in broken if each.origin in origins))

    def _of(self, kind: str) -> _Found:
        if kind not in self._found:
            self._found[kind] = self._search(kind)
        return self._found[kind]

    def _search(self, kind: str) -> _Found:
        found = _Found()
        for source in self._sources:
            if source.kind not in (kind, None):
                continue
            module = self._module(source)
            if isinstance(module, Broken):
                found.broken.append(module)
                continue
            for target in plugin_classes(module):
                if target.kind == kind:
                    try:
                        plugin = Plugin(kind, checked_name(target), target, source.origin)
                        if same := found.plugins.get(plugin.name):
                            raise UserError(f"{kind} {plugin.name!r} exists already in {same.origin}")
                        found.plugins[plugin.name] = plugin
                    except Exception as error:
                        name = getattr(target, "name", target.__name__)
                        found.broken.append(Broken(kind, name, source.origin, reason(error)))
        own = {name: target for (other, name), target in self.classes.items() if other == kind}
        found.plugins.update({name: Plugin(kind, name, each, origin_of(each)) for name, each in own.items()})
        return found

    def _module(self, source: Source) -> ModuleType | Broken:
        """The module, imported once, or why it cannot be."""
        if source.origin not in self._modules:
            try:
                module = source.load()
                if not isinstance(module, ModuleType):
                    raise UserError(f"is a {type(module).__name__}; valid: a module that holds plugins")
            except (Exception, SystemExit) as error:
                module = Broken("", Path(source.origin).stem, source.origin, reason(error, source.path))
            self._modules[source.origin] = module
        return self._modules[source.origin]


def origin_of(target: type[Pluggable]) -> str:
    """What a class that was added by itself is called, whatever its own name and wherever it was defined."""
    return f"{target.kind} {target.name}"


@cache
def registry() -> Registry:
    """The registry of this process."""
    return Registry()
