"""What a class does, as a hash: classes that are typed into a notebook have no file that could be compared."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from types import CodeType, FunctionType
from typing import Any

from harness.base.hashes import short_hash
from harness.base.paths import PACKAGE

PLAIN = (str, int, float, bool, tuple, list, dict)
"""Values that are the same wherever they are printed."""


def fingerprint(target: type[Any]) -> str:
    """A short hash of a class: of its constants, options and methods, and of those of its bases outside the harness.

    It is the same wherever and however often the class is defined, for one version of Python. What methods read around
    them counts, too: plain values, and functions and classes of the same module, as a notebook's cells define.
    """
    return short_hash("\n".join(_all_parts(target, {target})))


def _all_parts(target: type[Any], seen: set[Any]) -> Iterator[str]:
    """The parts of a class and of its bases."""
    for base in inspect.getmro(target):
        if not _is_shipped(base):
            yield from _parts(base, seen)


def _is_shipped(base: type[Any]) -> bool:
    """Whether a base class belongs to the harness or to a library."""
    return base.__module__.partition(".")[0] in (PACKAGE.name, "pydantic", "abc", "builtins", "typing")


def _parts(target: type[Any], seen: set[Any]) -> Iterator[str]:
    """A text for everything that a class defines itself."""
    own = getattr(target, "model_fields", {})
    for name in getattr(target, "__annotations__", {}):
        if name in own:
            yield f"{name}: {own[name].annotation} = {own[name].default!r} {own[name].metadata!r}"
    for name, value in sorted(vars(target).items()):
        if isinstance(value, staticmethod | classmethod):
            value = value.__func__
        if isinstance(value, property):
            value = value.fget
        if inspect.isfunction(value):
            yield from _function(name, value, seen)
        elif isinstance(value, PLAIN) and not name.startswith("_"):
            yield f"{name} = {value!r}"


def _function(name: str, function: FunctionType, seen: set[Any]) -> Iterator[str]:
    """A text for a function, and for everything that it reads outside of itself."""
    yield f"{name} {_said(function.__code__)} {function.__defaults__!r}"
    around = inspect.getclosurevars(function)
    for read, value in sorted({**around.globals, **around.nonlocals}.items()):
        if isinstance(value, PLAIN):
            yield f"{name} reads {read} = {value!r}"
        elif not (inspect.isclass(value) or inspect.isfunction(value)) or value in seen:
            continue
        elif value.__module__ == function.__module__:
            seen.add(value)
            yield from _all_parts(value, seen) if inspect.isclass(value) else _function(read, value, seen)


def _said(code: CodeType) -> str:
    """What a function does, without where it stands."""
    constants = [_said(each) if isinstance(each, CodeType) else repr(each) for each in code.co_consts]
    return f"{code.co_code.hex()} {code.co_names} {code.co_varnames} {constants}"
