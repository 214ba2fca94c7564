"""Trackers: a finished sweep's settings, curves and report, given to an experiment tracker that people use anyway.

In: a results directory and its tables. Out: a copy of them in the tracker; the tables stay the results. Each module
here is one tracker, a class that logs through the tracker's own library; the libraries are extras of this package,
named like the tracker.
"""

from __future__ import annotations

import shlex
import sys
from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from harness.base.errors import UserError, first_line, reason, unknown
from harness.tables.columns import CURVES, RUN_OUTCOMES
from harness.tables.varied import as_typed, settings_of

if TYPE_CHECKING:
    import pandas as pd

    from harness.tables.tables import Tables

TRACKERS = ["mlflow", "tensorboard"]


class Tracker(ABC):
    """One tracker."""

    name: ClassVar[str]

    @abstractmethod
    def log(self, directory: Path, tables: Tables) -> str:
        """Log a results directory whose report is built. Logging it again changes nothing.

        Returns:
            The command that shows what was logged.
        """


def tracker(name: str) -> Tracker | None:
    """The tracker of that name; None for ``none``.

    Raises:
        UserError: there is none of that name, or its library is not installed.
    """
    if name == "none":
        return None
    if name not in TRACKERS:
        raise unknown("tracker", name, ["none", *TRACKERS])
    try:
        found: Tracker = import_module(f"harness.trackers.{name}").TRACKER
    except ImportError as error:
        raise UserError(
            f"tracker={name}: needs a library that is not installed ({first_line(error)}); valid: none, or install it "
            f"with pip install 'rnn-gradient-harness[{name}]'"
        ) from None
    return found


def track(chosen: Tracker | None, directory: Path, tables: Tables) -> None:
    """Log a finished sweep. A tracker that fails is a warning: the results are on disk already."""
    if chosen is None:
        return
    try:
        command = chosen.log(directory, tables)
    except Exception as error:
        later = shlex.join(["python", "-m", "harness.report", str(directory), f"tracker={chosen.name}"])
        why = f"tracker={chosen.name}: not logged ({reason(error, chosen)})"
        print(f"{why}; the results are complete; to log them later:  {later}", file=sys.stderr)
    else:
        print(f"logged to {chosen.name}: {command}", file=sys.stderr)


@dataclass(frozen=True)
class Run:
    """A run as trackers take it: plain values, ``null`` for a setting that is null; missing outcomes are left out."""

    run_id: str
    label: str
    settings: dict[str, Any]
    outcomes: dict[str, Any]
    curves: pd.DataFrame


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


def _foreign(runs: pd.DataFrame, keys: list[str]) -> set[tuple[str, str]]:
    """Pairs of a cell and an option that is another cell's: there it is not null but not there."""
    there = runs.groupby("cell")[keys].count()
    return {(str(cell), key) for key in keys for cell in there.index if not there.loc[cell, key] and there[key].any()}


def _plain(value: Any) -> Any:
    """A number of numpy's as one of Python's."""
    return value.item() if hasattr(value, "item") else value
