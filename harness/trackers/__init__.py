"""Trackers: settings, curves and report of a sweep, given to an experiment tracker that people use anyway.

In: a results directory and its tables. Out: a copy of them in the tracker; the tables stay the results. Runs are logged
as soon as their job is done (`following`), the report at the end. The other modules here are one tracker each, a class
that logs through the tracker's own library; the libraries are extras of this package, named like the tracker.
"""

from __future__ import annotations

import shlex
from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from harness.base.errors import UserError, first_line, reason, unknown
from harness.base.hashes import short_hash
from harness.tables.columns import CURVES, RUN_OUTCOMES
from harness.tables.varied import as_typed, settings_of

if TYPE_CHECKING:
    import pandas as pd

    from harness.tables.tables import Tables

TRACKERS = {"mlflow": ("mlflow", "alembic", "sqlalchemy"), "tensorboard": ("tensorboard",), "wandb": ("wandb",)}
"""The trackers, and the libraries that each needs."""


class Tracker(ABC):
    """One tracker."""

    name: ClassVar[str]

    @abstractmethod
    def log_runs(self, directory: Path, tables: Tables) -> None:
        """Log runs of a results directory. A run that is logged already, with the same outcome, stays as it is."""

    @abstractmethod
    def log_report(self, directory: Path, tables: Tables) -> None:
        """Log the report, which is built, in the place of an earlier one, and forget what the tables hold no more."""

    @abstractmethod
    def command(self, directory: Path) -> str:
        """The command that shows what was logged."""

    def log(self, directory: Path, tables: Tables) -> str:
        """Log a results directory whose report is built. Logging it again changes nothing.

        Returns:
            The command that shows what was logged.
        """
        self.log_runs(directory, tables)
        self.log_report(directory, tables)
        return self.command(directory)


def check_tracker(name: str) -> None:
    """Refuse a tracker that cannot be used, before anything runs; its library, which takes long, is not loaded.

    Raises:
        UserError: there is none of that name, or its library is not installed.
    """
    if name == "none":
        return
    if name not in TRACKERS:
        raise unknown("tracker", name, ["none", *TRACKERS])
    for library in TRACKERS[name]:
        if find_spec(library) is None:
            raise _not_installed(name, f"No module named {library!r}")


def tracker(name: str) -> Tracker:
    """The tracker of that name.

    Raises:
        UserError: there is none of that name, or its library cannot be loaded.
    """
    check_tracker(name)
    try:
        found: Tracker = import_module(f"harness.trackers.{name}").TRACKER
    except ImportError as error:
        raise _not_installed(name, first_line(error)) from None
    return found


def _not_installed(name: str, why: str) -> UserError:
    return UserError(
        f"tracker={name}: needs a library that is not installed ({why}); valid: none, or install it with "
        f"pip install 'rnn-gradient-harness[{name}]'"
    )


def track(chosen: Tracker, directory: Path, tables: Tables) -> str:
    """Log a finished sweep.

    Returns:
        A line that says how to look at it; or why it is not logged, which is no error: the results are on disk.
    """
    try:
        return f"logged to {chosen.name}: {chosen.log(directory, tables)}"
    except Exception as error:
        return not_logged(chosen.name, directory, reason(error, chosen))


def not_logged(name: str, directory: Path, why: str) -> str:
    """The line for a tracker that has failed."""
    later = shlex.join(["python", "-m", "harness.report", str(directory), f"tracker={name}"])
    return f"tracker={name}: not logged ({why}); the results are complete; to log them later:  {later}"


@dataclass(frozen=True)
class Run:
    """A run as trackers take it: plain values, ``null`` for a setting that is null; missing outcomes are left out."""

    run_id: str
    label: str
    settings: dict[str, Any]
    outcomes: dict[str, Any]
    curves: pd.DataFrame

    @property
    def outcome(self) -> str:
        """What tells this outcome from another one of the same run: it may have failed before."""
        plain = {key: each if isinstance(each, str) else float(each) for key, each in self.outcomes.items()}
        return short_hash(repr(sorted(plain.items())))


def runs(tables: Tables) -> Iterator[Run]:
    """All runs, in the order of the table."""
    import pandas as pd

    curves = dict(iter(tables.read("curves", ["run_id", "step", *CURVES]).groupby("run_id")))
    none = pd.DataFrame(columns=["step", *CURVES])
    settings = settings_of(tables.runs)
    foreign = _foreign(tables.runs, [key for key in settings if key.startswith("cell.")])
    for row in tables.runs.to_dict("records"):
        run_id, own = row["run_id"], [key for key in settings if (row["cell"], key) not in foreign]
        known = {key: as_typed(row[key]) if pd.isna(row[key]) else _plain(row[key]) for key in own}
        outcomes = {key: _plain(row[key]) for key in RUN_OUTCOMES if key in row and not pd.isna(row[key])}
        label = f"{row['cell']}-{row['seq_len']}-{as_typed(row['weight_scale'])}-{row['seed']}-{run_id}"
        yield Run(run_id, label, known, outcomes, curves.get(run_id, none))


LOGGED = ".logged"
"""A file in the folder of a run, for trackers that keep one for each: the outcome that was logged, written last."""


def note_outcome(folder: Path, run: Run) -> None:
    """Note that a run is logged to its end."""
    (folder / LOGGED).write_text(run.outcome)


def logged_outcome(folder: Path | None) -> str:
    """The outcome that was logged into a folder; empty where nothing was, or not to its end."""
    try:
        return (folder / LOGGED).read_text() if folder else ""
    except OSError:
        return ""


def _foreign(runs: pd.DataFrame, keys: list[str]) -> set[tuple[str, str]]:
    """Pairs of a cell and an option that is another cell's: there it is not null but not there."""
    there = runs.groupby("cell")[keys].count()
    return {(str(cell), key) for key in keys for cell in there.index if not there.loc[cell, key] and there[key].any()}


def _plain(value: Any) -> Any:
    """A number of numpy's as one of Python's."""
    return value.item() if hasattr(value, "item") else value
