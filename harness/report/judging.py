"""What a report says of one experiment: whether the results bear out its claim, samples in words, figures."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd
import pyarrow.compute as pc

from harness.base.errors import reason
from harness.plugins.registry import registry
from harness.tables.tables import Tables
from harness.tasks.experiment import Experiment, Verdict

MOST_ROWS = 20_000_000
"""Rows from which on figures get a table only in parts: as a DataFrame it would take gigabytes."""


@dataclass(frozen=True)
class Judged:
    """A claim, and what came of it: a verdict, None where it was not tested, or why its check could not be made."""

    experiment: str
    claim: str
    found: Verdict | str | None

    @property
    def verdict(self) -> str:
        """What stands beside the claim."""
        if isinstance(self.found, Verdict):
            return f"{'borne out' if self.found.holds else 'not borne out'}. {self.found.numbers}"
        return self.found or "not tested by these runs."

    @property
    def outcome(self) -> str:
        """The claim and what came of it, in a sentence; empty where it was not tested."""
        if isinstance(self.found, Verdict):
            return f"{'As' if self.found.holds else 'Not as'} expected: “{self.claim}” {self.found.numbers}"
        return f"The claim of {self.experiment} {self.found}." if self.found else ""


def judge(tables: Tables) -> dict[str, Judged]:
    """Hold the claim of every known experiment against its results."""
    found = {}
    for name in dict.fromkeys(tables.runs.experiment):
        if name in registry().names("experiment"):
            plugin = registry().get("experiment", name)
            found[name] = Judged(name, plugin.claim, _checked(plugin, _of_experiment(tables, name)))
    return found


def _of_experiment(tables: Tables, experiment: str) -> Tables:
    """The rows of one experiment."""
    mine = tables.runs.experiment == experiment
    return tables.limited(MOST_ROWS) if mine.all() else _of_runs(tables, tables.runs[mine])


def _of_runs(tables: Tables, runs: pd.DataFrame) -> Tables:
    """The rows of some runs."""
    own = pc.field("run_id").isin(runs.run_id.tolist())
    others = {name: tables.scan(name).filter(own) for name in tables if name != "runs"}
    return Tables({"runs": runs, **others}, most_rows=MOST_ROWS)


def _checked(experiment: type[Experiment], tables: Tables) -> Verdict | str | None:
    """Whether the results bear out the claim; a text where the check raises."""
    try:
        judged: object = experiment.bears_out(tables)
    except Exception as error:
        return f"could not be checked: {reason(error, experiment)}"
    if judged is None or isinstance(judged, Verdict):
        return judged
    return f"could not be checked: bears_out returns {judged!r}; valid: Verdict or None"
