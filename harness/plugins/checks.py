"""Checks of a class before it is registered: what would otherwise break those who never asked for it."""

from __future__ import annotations

import re

from harness.base.errors import UserError
from harness.base.options import Options, build
from harness.base.pluggable import Pluggable

VALUES = {"false", "inf", "nan", "no", "null", "off", "on", "true", "yes"}
"""Words that Hydra and YAML read as values."""


NAMES = "lower-case letters, digits and _, a letter first, and no word that is read as a value, like null"
"""What a plugin may be called, in words; see `is_name`."""


def is_name(name: object) -> bool:
    """Whether a plugin may be called so."""
    return isinstance(name, str) and bool(re.fullmatch(r"[a-z][a-z0-9_]*", name)) and name not in VALUES


def checked_name(target: type[Pluggable]) -> str:
    """The name of a class that can be registered.

    Raises:
        UserError: the class cannot be registered.
    """
    if missing := sorted(getattr(target, "__abstractmethods__", ())):
        raise UserError(f"{target.__name__} does not define {', '.join(missing)}")
    name = getattr(target, "name", None)
    if not isinstance(name, str) or not is_name(name):
        raise UserError(f"{target.__name__}.name = {name!r}; valid: {NAMES}")
    for text in target.texts:
        if not isinstance(getattr(target, text, None), str):
            raise UserError(f"{target.__name__} does not define {text}")
    if flaw := target.flaw():
        raise UserError(f"{target.__name__}.{flaw}")
    if issubclass(target, Options):
        if needed := [name for name, field in target.model_fields.items() if field.is_required()]:
            raise UserError(f"{target.__name__} has options without defaults: {', '.join(needed)}")
        build(target, {}, prefix=f"{target.__name__}.")
        target.defaults_of_options()
    return name
