"""What a class does, as a hash: classes that are typed into a notebook have no file that could be compared."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from types import CodeType
from typing import Any

from harness.base.hashes import short_hash
from harness.base.paths import PACKAGE


def fingerprint(target: type[Any]) -> str:
    """A short hash of a class: of its constants, options and methods, and of those of its bases outside the harness.

    It is the same wherever and however often the class is defined, for one version of Python. Functions that a method
    calls are not looked into.
    """
    parts = [part for base in inspect.getmro(target) if not _is_shipped(base) for part in _parts(base)]
    return short_hash("\n".join(parts))


def _is_shipped(base: type[Any]) -> bool:
    """Whether a base class belongs to the harness or to a library."""
    return base.__module__.partition(".")[0] in (PACKAGE.name, "pydantic", "abc", "builtins", "typing")


def _parts(target: type[Any]) -> Iterator[str]:
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
        if code := getattr(value, "__code__", None):
            yield f"{name} {_said(code)} {getattr(value, '__defaults__', None)!r}"
        elif isinstance(value, str | int | float | bool | tuple | list | dict) and not name.startswith("_"):
            yield f"{name} = {value!r}"


def _said(code: CodeType) -> str:
    """What a function does, without where it stands."""
    constants = [_said(each) if isinstance(each, CodeType) else repr(each) for each in code.co_consts]
    return f"{code.co_code.hex()} {code.co_names} {code.co_varnames} {constants}"
