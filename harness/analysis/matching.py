"""Which conditions of two sweeps are the same, and in which settings the sweeps differ as a whole."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from harness.analysis.words import listed
from harness.base.errors import UserError
from harness.base.language import gettext as _
from harness.tables.varied import as_typed, differ, settings_of

if TYPE_CHECKING:
    import pandas as pd

NULL = "null"


@dataclass(frozen=True)
class Change:
    """A setting that has one value in a sweep and another one in the other.

    Attributes:
        cells: whose runs it concerns; empty where all that are in both.
    """

    setting: str
    before: str
    after: str
    cells: tuple[str, ...] = ()

    def __str__(self) -> str:
        """``train.lr: 0.003 → 0.01``, or with the cells in front."""
        whose = f"{', '.join(self.cells)}: " if self.cells else ""
        return f"{whose}{self.setting}: {self.before} → {self.after}"


@dataclass(frozen=True)
class Pair:
    """A condition that stands in both sweeps.

    Attributes:
        words: what tells it from the others: ``lstm, 20 steps, weight scale 0.9``.
        settings: those that vary among conditions.
        places: of its runs in the tables before and after the change, from 0.
    """

    words: str
    settings: dict[str, str]
    places: tuple[NDArray[np.int64], NDArray[np.int64]]


@dataclass(frozen=True)
class Matched:
    """The conditions of two sweeps."""

    changes: list[Change]
    pairs: list[Pair]
    only_before: list[str]
    only_after: list[str]


def match(before: pd.DataFrame, after: pd.DataFrame, names: tuple[str, str]) -> Matched:
    """Find the conditions that two tables of runs share, in the order of the first.

    Settings of a cell's runs that have one value before and another one after have changed; conditions match without
    them. The task is never what has changed: accuracies of different tasks are no measure of each other.

    Raises:
        UserError: no condition stands in both.
    """
    keys = [key for key in dict.fromkeys([*settings_of(before), *settings_of(after)]) if key != "seed"]
    sides = [_texts(runs, keys) for runs in (before, after)]
    changed = _changes(sides[0], sides[1], keys)
    for texts in sides:
        for change in changed:
            own = texts.cell.isin(change.cells) if change.cells else slice(None)
            texts.loc[own, change.setting] = ""
    if any(change.setting == "cell" for change in changed):
        for texts in sides:
            texts[[key for key in keys if key.startswith("cell.")]] = ""
    varying = _varying(sides, keys)
    groups = [_groups(texts) for texts in sides]
    shared = [key for key in groups[0] if key in groups[1]]
    if not shared:
        raise UserError(_nothing_shared(sides, keys, names))
    words = {key: _in_words(dict(zip(keys, key, strict=True)), varying) for each in groups for key in each}
    pairs = [
        Pair(
            words[key],
            {name: value for name, value in zip(keys, key, strict=True) if name in ("cell", *varying)},
            (groups[0][key], groups[1][key]),
        )
        for key in shared
    ]
    only = [[words[key] for key in own if key not in other] for own, other in (groups, groups[::-1])]
    return Matched(_merged(changed, sides), pairs, *only)


def _texts(runs: pd.DataFrame, keys: Sequence[str]) -> pd.DataFrame:
    """Settings as one types them, so that 20 is 20 whatever its type; what a table does not know is ``null``."""
    import pandas as pd

    columns = {key: list(map(as_typed, runs[key])) if key in runs else NULL for key in keys}
    return pd.DataFrame(columns, index=range(len(runs)))


def _changes(before: pd.DataFrame, after: pd.DataFrame, keys: Sequence[str]) -> list[Change]:
    """What has changed, cell by cell."""
    cells = [list(dict.fromkeys(texts.cell)) for texts in (before, after)]
    if len(cells[0]) == len(cells[1]) == 1 and cells[0] != cells[1]:
        others = [key for key in keys if key != "cell" and not key.startswith("cell.")]
        return [Change("cell", cells[0][0], cells[1][0]), *_of_runs(before, after, others)]
    return [
        Change(change.setting, change.before, change.after, (cell,))
        for cell in cells[0]
        if cell in cells[1]
        for change in _of_runs(before[before.cell == cell], after[after.cell == cell], keys)
    ]


def _of_runs(before: pd.DataFrame, after: pd.DataFrame, keys: Sequence[str]) -> Iterator[Change]:
    for key in keys:
        first, second = (list(texts[key].unique()) for texts in (before, after))
        if key != "experiment" and len(first) == len(second) == 1 and first != second:
            yield Change(key, first[0], second[0])


def _merged(changes: Sequence[Change], sides: Sequence[pd.DataFrame]) -> list[Change]:
    """Changes that are the same of several cells as one, without their names where these are all."""
    shared = set(sides[0].cell) & set(sides[1].cell)
    cells: dict[tuple[str, str, str], list[str]] = {}
    for change in changes:
        cells.setdefault((change.setting, change.before, change.after), []).extend(change.cells)
    return [Change(*key, () if set(own) == shared else tuple(own)) for key, own in cells.items()]


def _groups(texts: pd.DataFrame) -> dict[tuple[str, ...], NDArray[np.int64]]:
    """The places of every condition's runs."""
    return {tuple(map(str, key)): own.index.to_numpy() for key, own in texts.groupby(list(texts), sort=False)}


def _varying(sides: Sequence[pd.DataFrame], keys: Sequence[str]) -> list[str]:
    """Settings in which runs of one cell differ, but for what has changed: with the cell, they make up a condition."""
    import pandas as pd

    return differ(pd.concat(sides), [key for key in keys if key != "cell"], within=["cell"])


def _in_words(settings: dict[str, str], varying: Sequence[str]) -> str:
    """``lstm, forget_bias 3, 20 steps, weight scale 0.9, train.lr=0.01``."""
    said = {"seq_len": _("{value} steps"), "weight_scale": _("weight scale {value}")}
    known = {key: settings[key] for key in varying if settings[key]}
    options = {key: value for key, value in known.items() if key.startswith("cell.") and value != NULL}
    others = [key for key in known if key not in said and not key.startswith("cell.")]
    words = [
        settings["cell"],
        *(f"{key.removeprefix('cell.')} {value}" for key, value in options.items()),
        *(text.format(value=known[key]) for key, text in said.items() if key in known),
        *(f"{key}={known[key]}" for key in others),
    ]
    return _(", ").join(filter(None, words)) or _("all runs")


def _nothing_shared(sides: Sequence[pd.DataFrame], keys: Sequence[str], names: tuple[str, str]) -> str:
    """Why there is nothing to compare: the settings in which no run of one is like a run of the other."""
    values = {key: [list(dict.fromkeys(texts[key])) for texts in sides] for key in keys}
    apart = [
        f"{key} ({listed(first)} / {listed(second)})"
        for key, (first, second) in values.items()
        if not set(first) & set(second)
    ]
    why = f"no run of one has the other's {', '.join(apart)}" if apart else "no two runs agree in all settings"
    return f"{names[0]} and {names[1]}: no condition stands in both: {why}; valid: sweeps that share conditions"
