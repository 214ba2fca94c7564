"""The one exception that users see as a sentence instead of a traceback."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches


class UserError(Exception):
    """Something the user asked for cannot be done; the message is one line that says what would be valid."""


def unknown(key: str, value: object, valid: Iterable[str]) -> UserError:
    """An error for a value that is none of the valid names; suggests the nearest."""
    return UserError(f"{key}={value}: unknown {key}{_hint(value, valid := sorted(valid))}; valid: {', '.join(valid)}")


def unknown_setting(key: str, valid: Iterable[str]) -> UserError:
    """An error for a key that is no setting; suggests the nearest."""
    return UserError(f"{key}: unknown setting{_hint(key, valid := sorted(valid))}; valid: {', '.join(valid)}")


def _hint(value: object, valid: list[str]) -> str:
    near = get_close_matches(str(value), valid, n=1)
    return f" (did you mean {near[0]!r}?)" if near else ""
