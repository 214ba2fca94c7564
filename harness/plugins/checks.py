"""Finding plugins, and ``python -m harness.plugins``: what there is, one line each.

A plugin is a class with a ``name`` in a module of its own: a `Cell` in ``harness/cells``, an `Experiment`
in ``experiments``, a `Figure` in ``harness/figures``, a `Probe` in ``harness/probes``, or any of them in a
module that an installed package announces under the entry-point group ``harness.plugins``, or in a file that is
named with ``plugins=[path/to/file.py]``. Nothing is registered by hand. What cannot be used is listed as broken,
with the reason, and never stops the others.
"""

from __future__ import annotations

import re
from typing import Any

from omegaconf import OmegaConf

from harness.base.errors import UserError, reason
from harness.base.options import Options, build

VALUES = {"false", "inf", "nan", "no", "null", "off", "on", "true", "yes"}
"""Words that Hydra and YAML read as values."""


NAMES = "lower-case letters, digits and _, a letter first, and no word that is read as a value, like null"
"""What a plugin may be called, in words; see `is_name`."""


def is_name(name: object) -> bool:
    """Whether a plugin may be called so."""
    return isinstance(name, str) and bool(re.fullmatch(r"[a-z][a-z0-9_]*", name)) and name not in VALUES


TEXTS = {"experiment": ["claim"], "figure": ["title", "caption"]}
"""What a plugin of a kind must say of itself besides its name."""


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
