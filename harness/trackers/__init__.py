"""Trackers: a finished sweep's settings, curves and report, given to an experiment tracker that people use anyway.

In: a results directory and its tables. Out: a copy of them in the tracker; the tables stay the results. Each module
here is one tracker, a class that logs through the tracker's own library; the libraries are extras of this package,
named like the tracker.
"""

from __future__ import annotations

import sys
from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from harness.base.errors import UserError, first_line, reason, unknown
from harness.tables.columns import CURVES, RUN_OUTCOMES

if TYPE_CHECKING:
    import pandas as pd

    from harness.tables.tables import Tables

if TYPE_CHECKING:
    import pandas as pd

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
        print(f"tracker={chosen.name}: not logged ({reason(error, chosen)}); the results are complete", file=sys.stderr)
    else:
        print(f"logged to {chosen.name}: {command}", file=sys.stderr)


@dataclass(frozen=True)
class Run:
    """A run as trackers take it: plain values, those that are missing left out."""

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
    for row in tables.runs.to_dict("records"):
        known = {str(key): _plain(value) for key, value in row.items() if not pd.isna(value)}
        run_id = known.pop("run_id")
        outcomes = {key: known.pop(key) for key in RUN_OUTCOMES if key in known}
        label = f"{known['cell']}-{known['seq_len']}-{known['weight_scale']:g}-{known['seed']}-{run_id}"
        yield Run(run_id, label, known, outcomes, curves.get(run_id, none))


def _plain(value: Any) -> Any:
    """A number of numpy's as one of Python's."""
    return value.item() if hasattr(value, "item") else value
