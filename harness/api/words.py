"""Settings in Python as the words of a command line: one way of reading them, one set of messages, one ``run_id``."""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Iterator, Mapping
from os import PathLike
from typing import Any

from harness.base.errors import UserError
from harness.base.pluggable import Pluggable
from harness.command_line.resuming import quoted

LISTS = ("probes", "plugins", "eval.seq_len")
"""Settings that are lists themselves: a list is one value of them."""


def words_of(settings: Mapping[str, Any], several: bool) -> tuple[list[str], list[type[Pluggable]]]:
    """The words for settings, and the plugin classes among the values.

    Args:
        settings: a setting's name to its value, or to several: a list, a tuple, a range or an array. Dots are said by
            the name (``{"train.lr": 0.01}``) or by a mapping (``{"train": {"lr": 0.01}}``).
        several: whether a setting may have several values.

    Raises:
        UserError: a value is nothing that a setting can be, or there are several where there may be one; the message
            names it.

    Examples:
        >>> words_of({"cell": ["rnn", "lstm"], "seed": range(2), "train": {"clip_norm": None}}, several=True)
        (['cell=rnn,lstm', 'seed=0,1', 'train.clip_norm=null'], [])
    """
    words, classes = [], list[type[Pluggable]]()
    for key, value in _flat(settings):
        values = list(_values(key, value))
        if not values and key not in LISTS:
            raise UserError(f"{key}={value!r}: an empty list; valid: a value, or a list of values")
        if len(values) > 1 and not several and key not in LISTS:
            raise UserError(f"{key}={value!r}: several values are a sweep; valid: one value, or harness.sweep")
        classes += [each for each in values if _is_plugin(each)]
        text = ",".join(_text(key, each) for each in values)
        words.append(f"{key}=[{text}]" if key in LISTS else f"{key}={text}")
    return words, classes


def _flat(settings: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for key, value in settings.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value


def _values(key: str, value: Any) -> Iterable[Any]:
    """The values of a setting: those in a list, or the one that there is."""
    if hasattr(value, "tolist"):  # an array, a column of a table, or a number of one
        value = value.tolist()
    if isinstance(value, list | tuple | range):
        return value
    if isinstance(value, Iterable) and not isinstance(value, str | bytes | PathLike):
        raise UserError(f"{key}: a {type(value).__name__} has no order; valid: a value, or a list of values")
    return [value]


def _is_plugin(value: Any) -> bool:
    return inspect.isclass(value) and issubclass(value, Pluggable)


def _text(key: str, value: Any) -> str:
    """A value in Hydra's grammar."""
    if hasattr(value, "item"):
        value = value.item()
    if _is_plugin(value):
        return str(getattr(value, "name", value.__name__))
    if value is None:
        return "null"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int | float):
        return repr(value)
    if isinstance(value, PathLike):
        value = str(value)
    if isinstance(value, str):
        return quoted(value)
    if isinstance(value, list | tuple):
        return f"[{','.join(_text(key, each) for each in value)}]"
    raise UserError(f"{key}={value!r}: a {type(value).__name__}; valid: numbers, texts, true or false, None, plugins")
