"""What a sweep varies: the settings that tell its runs apart, and names for the variants of a cell."""

from __future__ import annotations

import math
import os
from collections.abc import Callable
from itertools import chain
from typing import TYPE_CHECKING, Any

from harness.tables.columns import RUN_OUTCOMES

if TYPE_CHECKING:
    import pandas as pd

WITH_NAMES_OF_THEIR_OWN = ["experiment", "cell", "seq_len", "weight_scale", "seed"]
"""Settings that reports name in words of their own; all others by their key."""


def settings_of(runs: pd.DataFrame) -> list[str]:
    """The columns of a table of runs that are settings."""
    return [str(name) for name in runs if name not in ("run_id", "variant", *RUN_OUTCOMES)]


def differ(runs: pd.DataFrame, keys: list[str], within: list[str] | None = None) -> list[str]:
    """Those settings in which runs differ; ``null`` is a value like any other.

    Args:
        within: columns; only runs that agree in all of these are compared.
    """
    keys = [key for key in keys if runs[key].nunique(dropna=False) > 1]
    if not within or not keys:
        return keys
    groups = runs.groupby(within, sort=False, dropna=False)
    return [key for key in keys if (groups[key].nunique(dropna=False) > 1).any()]


def options_that_differ(runs: pd.DataFrame, within: list[str] | None = None) -> list[str]:
    """Options of the experiment in which runs differ; of two that go together value for value, the first.

    The second says nothing more, as what is in a file, where another path names another content.

    Args:
        within: as of `differ`.
    """
    found: dict[str, int] = {}
    for key in differ(runs, [key for key in map(str, runs) if key.startswith("experiment.")], within):
        count = len(runs[[key]].drop_duplicates())
        if not any(number == count == len(runs[[other, key]].drop_duplicates()) for other, number in found.items()):
            found[key] = count
    return [*found]


def varied(runs: pd.DataFrame) -> list[str]:
    """All settings in which runs differ, and ``variant``; that another cell or task has no such option is none."""
    settings = settings_of(runs)
    options = {kind: [key for key in settings if key.startswith(f"{kind}.")] for kind in ("experiment", "cell")}
    found = {
        *differ(runs, [key for key in [*settings, "variant"] if key in runs and key not in chain(*options.values())]),
        *options_that_differ(runs, within=["experiment"]),
        *differ(runs, options["cell"], within=["cell"]),
    }
    return [key for key in map(str, runs) if key in found]


def variants(runs: pd.DataFrame) -> pd.Series:
    """What tells apart runs of one cell in one experiment, by the cell's options: ``forget_bias 3``, or nothing."""
    found = runs.cell.astype(str).str.slice(0, 0)
    keys = [key for key in settings_of(runs) if key.startswith("cell.")]
    for _, own in runs.groupby(["experiment", "cell"], sort=False):
        for key in differ(own, keys):
            option = key.removeprefix("cell.")
            names = own[key].map(lambda value, option=option: f"{option} {as_typed(value)}")
            before = found[own.index]
            found[own.index] = before.where(before == "", before + ", ") + names
    return found


def as_categories(values: pd.Series) -> pd.Series:
    """Texts as categories, in the order in which they come first."""
    import pandas as pd

    return values.astype(pd.CategoricalDtype(list(dict.fromkeys(values.dropna())), ordered=True))


def namer(values: pd.Series) -> Callable[[Any], str]:
    """What calls each of these values as it is typed; paths by what is behind the folder that all of them lie in."""
    paths = [value for value in values.dropna().unique().tolist() if isinstance(value, str) and os.path.isabs(value)]
    if not paths:
        return as_typed
    folder = os.path.commonpath([os.path.dirname(path) for path in paths])
    return lambda value: os.path.relpath(value, folder) if value in paths else as_typed(value)


def as_typed(value: Any) -> str:
    """A setting's value as one types it: ``null`` for none, the shortest digits that give exactly this number."""
    if value is None or str(value) in ("nan", "<NA>"):
        return "null"
    if hasattr(value, "item"):
        value = value.item()
    if isinstance(value, float) and math.isfinite(value):
        short = f"{value:g}"
        return short if float(short) == value else repr(value)
    return str(value)
