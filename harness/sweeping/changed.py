"""Plugins that have changed since the runs in a directory were made: said, and left to the user to decide.

A run's `run_id` holds its settings and no code. A hash of the code in it would throw away every result for a comment
that was mended, or for an upgrade of the harness. So the hash of every plugin file that was named, and of every class
that was handed over in Python, stands in ``provenance.json``: where it differs and runs of it are done, a sitting goes
on only with `sweep.take_over`. The plugins that come with the harness are told by its version there, and do not stop a
sitting.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from harness.base.errors import UserError
from harness.base.options import said
from harness.plugins.registry import registry
from harness.settings.settings import Settings
from harness.sweeping.plan import rename_in_plan
from harness.sweeping.provenance import plugins_of, read_provenance
from harness.tables.jobs import finished_jobs, renamed
from harness.tables.storage import read_table
from harness.tables.varied import settings_of

KINDS = ("experiment", "cell", "probe")
"""The kinds of plugins that a run's numbers depend on."""

PLUGINS = ("cell.", "experiment.", "probes.")
"""What the keys of plugins' options begin with."""


@dataclass(frozen=True)
class Renewed:
    """A run that is done, and what it is called since its plugin has further options.

    Attributes:
        added: those options, with their defaults.
    """

    old: str
    new: str
    added: dict[str, Any]


def settle_changes(directory: Path, runs: Sequence[Settings], finished: set[str], take_over: bool) -> set[str]:
    """Find out whether plugins have changed since runs were done, and take these over where that is wished.

    Args:
        runs: all that are asked for.
        finished: run_ids of those that are done.
        take_over: whether what is done counts all the same.

    Returns:
        The runs that are done, by their names of today.

    Raises:
        UserError: plugins have changed, and nobody has said that what is done counts all the same.
    """
    edited = _edited(directory)
    renewed = _renewed(directory, [each for each in runs if each.run_id not in finished])
    if (edited or renewed) and not take_over:
        added = {key: value for each in renewed for key, value in each.added.items()}
        news = [f"{path} has changed" for path in edited]
        news += [f"{key} has become an option (default {said(value)})" for key, value in added.items()]
        raise UserError(
            f"{directory}: {' and '.join(news)} since runs were done here; valid: sweep.take_over=true, where they "
            "would come out the same today, or another directory (hydra.sweep.dir=…), to start again"
        )
    if renewed:
        names = {each.old: each.new for each in renewed}
        rename_in_plan(directory, names)
        for folder in finished_jobs(directory):
            renamed(folder, names, {each.new: each.added for each in renewed})
    return finished | {each.new for each in renewed}


def _edited(directory: Path) -> list[str]:
    """The plugin files and classes that are not what they were at the last sitting, and that finished runs have used.

    Asked for again or not: the results of two versions would stand side by side.
    """
    noted = plugins_of(read_provenance(directory))
    changed = [origin for origin, code in registry().code().items() if noted.get(origin) not in (None, "", code)]
    if not changed:
        return []
    plugins = [each for kind in KINDS for each in registry().of_kind(kind)]
    names = _used(directory)
    used = {each.origin for each in plugins if (each.kind, each.name) in names}
    return [origin for origin in changed if origin in used]


def _used(directory: Path) -> set[tuple[str, str]]:
    """Pairs of kind and name of all plugins that the runs which are done here have used."""
    found = set[tuple[str, str]]()
    for folder in finished_jobs(directory):
        runs = read_table(folder / "runs.parquet")
        runs = runs[runs.status != "failed"]
        found |= {(kind, str(name)) for kind in ("experiment", "cell") for name in runs[kind]}
        probes = [str(key) for key in runs if str(key).startswith("probes.") and runs[key].notna().any()]
        found |= {("probe", key.split(".")[1]) for key in probes}
    return found


def _renewed(directory: Path, new: Sequence[Settings]) -> list[Renewed]:
    """Of these runs, those that are done under the name that they had before a plugin had a further option."""
    wanted = {each.run_id: _known(each.flat()) for each in new}
    if not wanted:
        return []
    found = []
    for folder in finished_jobs(directory):
        runs = read_table(folder / "runs.parquet")
        runs = runs.loc[runs.status != "failed", ["run_id", *settings_of(runs)]]
        rows = [{str(key): value for key, value in row.items()} for row in runs.to_dict("records")]
        old = [(row.pop("run_id"), _known(row)) for row in rows]
        for keys in {frozenset(settings) for _, settings in old}:
            names = {_signature(settings, keys): name for name, settings in old if settings.keys() == keys}
            for run_id, settings in wanted.items():
                added = settings.keys() - keys
                if added and all(key.startswith(PLUGINS) for key in added) and keys <= settings.keys():
                    name = names.get(_signature(settings, keys))
                    if name and name not in wanted:
                        found.append(Renewed(name, run_id, {key: settings[key] for key in sorted(added)}))
    defaults = {each.run_id: each for each in new}
    return [each for each in found if _are_defaults(defaults[each.new], each.added)]


def _known(settings: dict[str, Any]) -> dict[str, Any]:
    """Settings without those that are null, as tables do not tell these from missing ones."""
    return {key: value for key, value in settings.items() if isinstance(value, list) or not pd.isna(value)}


def _signature(settings: dict[str, Any], keys: Iterable[str]) -> tuple[str, ...]:
    """Some settings as texts that are the same from a table and from `Settings.flat`."""
    return tuple(_text(settings[key]) for key in sorted(keys))


def _text(value: Any) -> str:
    try:
        return repr(float(value))
    except (TypeError, ValueError):
        return str(value)


def _are_defaults(settings: Settings, added: dict[str, Any]) -> bool:
    """Whether options that were added have their defaults."""
    defaults: dict[str, Any] = {}
    for kind, plugin in (("experiment", settings.experiment), ("cell", settings.cell), *(
        (f"probes.{name}", probe) for name, probe in settings.probes.items()
    )):  # fmt: skip
        defaults |= {f"{kind}.{key}": value for key, value in plugin.defaults_of_options().items()}
    return all(key in defaults and defaults[key] == value for key, value in added.items())
