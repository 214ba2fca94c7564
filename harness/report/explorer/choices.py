"""What one can choose: the settings that a sweep varies, the conditions that there are, and which are shown first."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd
from pandas.api.types import is_numeric_dtype

from harness.analysis.conditions import by_condition, contrast
from harness.analysis.families import have_memory, in_order
from harness.analysis.runs import shown_versions, with_names
from harness.base.language import gettext as _
from harness.tables.varied import namer, varied


@dataclass(frozen=True)
class Setting:
    """A setting that tells conditions apart; the first of all is the cell.

    Attributes:
        options: its values as one types them, in order.
    """

    key: str
    label: str
    options: list[str]


@dataclass(frozen=True)
class Condition:
    """Runs that differ in the seed alone.

    Attributes:
        chosen: for each setting the place of its value.
        runs: the places of its runs in the table that was given, by seed.
    """

    chosen: tuple[int, ...]
    runs: list[int]


def choices(runs: pd.DataFrame) -> tuple[list[Setting], list[Condition]]:
    """The settings that runs differ in, but for the seed, and the conditions that they make."""
    runs = with_names(runs).reset_index(drop=True)
    own = ("seed", "cell", "variant")
    keys = ["who", *(key for key in varied(runs) if key not in own and not key.startswith("cell.") and key != "who")]
    texts = {key: runs[key].map(namer(runs[key])) for key in keys}
    settings = [Setting(key, _label(key), _ordered(runs, key, texts[key])) for key in keys]
    places = {
        setting.key: texts[setting.key].map({value: place for place, value in enumerate(setting.options)})
        for setting in settings
    }
    found: dict[tuple[int, ...], list[int]] = {}
    for run in runs.sort_values("seed", kind="stable").index:
        found.setdefault(tuple(int(places[key][run]) for key in keys), []).append(int(run))
    return settings, [Condition(at, members) for at, members in sorted(found.items())]


def _label(key: str) -> str:
    own = {"who": _("cell"), "seq_len": _("length"), "weight_scale": _("weight scale"), "experiment": _("task")}
    return own.get(key, key.removeprefix("experiment."))


def _ordered(runs: pd.DataFrame, key: str, texts: pd.Series) -> list[str]:
    """The values of a setting: cells in the order of figures, numbers by size, texts as they come first."""
    if key == "who":
        there = set(texts)
        return [who for who in in_order(runs) if who in there]
    if is_numeric_dtype(runs[key]):
        return list(dict.fromkeys(texts[runs[key].sort_values(kind="stable").index]))
    return list(dict.fromkeys(texts))


def at_first(
    runs: pd.DataFrame, settings: list[Setting], conditions: list[Condition]
) -> tuple[Condition, Condition | None]:
    """The condition that is shown first, and another cell beside it: one that remembers, one that forgets.

    They are those of `harness.analysis.conditions.contrast`; where there is no such pair, two cells with a memory at
    the longest length and a weight scale in the middle.
    """
    runs = with_names(runs).reset_index(drop=True)
    first = shown_versions(runs)[0][0][1]
    pair = contrast(by_condition(first))
    if pair is not None:
        winner, loser = pair
        chosen = first[(first.who == winner.who) & (first.seq_len == winner.seq_len)]
        chosen, other = chosen[chosen.weight_scale == winner.weight_scale], str(loser.who)
    else:
        able = first[have_memory(first)] if have_memory(first).any() else first
        longest = able[able.seq_len == able.seq_len.max()]
        scales = sorted(longest.weight_scale.unique())
        chosen = longest[longest.weight_scale == scales[len(scales) // 2]]
        names = in_order(chosen)
        chosen, other = chosen[chosen.who == names[-1]], names[0]
    shown = next(each for each in conditions if int(chosen.index[0]) in each.runs)
    beside = (settings[0].options.index(other), *shown.chosen[1:]) if other in settings[0].options else shown.chosen
    return shown, next((each for each in conditions if each.chosen == beside and each is not shown), None)
