"""Pruning: a trial of a search ends early where it is worse than other trials were after as many steps.

The job itself decides, by one of Optuna's pruners and by the study as it was when the trial was first launched, which
the sweeper puts into the job's directory. So it works wherever a job runs, asks nobody while it trains, and decides
alike every time: here or there, gone on with or not.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness.base.files import write_text

if TYPE_CHECKING:
    import pandas as pd
    from optuna import Study

    from harness.training.record import Record

FILE = "pruning.json"
"""What a job's directory has as long as it may be pruned."""

WORST = {"minimize": math.inf, "maximize": -math.inf}
"""The worst value in each direction."""


@dataclass(frozen=True)
class Past:
    """Another trial, as far as pruners look at it.

    Attributes:
        state: the name of an `optuna.trial.TrialState`.
        reported: its standings by training step.
        notes: what the pruner has noted of it, for itself.
    """

    state: str
    value: float | None
    reported: Mapping[str, float]
    notes: Mapping[str, Any]


@dataclass(frozen=True)
class Pruning:
    """What decides whether a trial is pruned.

    Attributes:
        pruner: a class of `optuna.pruners`.
        options: its arguments.
        study: the name of the study: Hyperband draws by it.
        trial: the number of the trial.
        past: all other trials, in the order of their numbers.
    """

    pruner: str
    options: Mapping[str, Any]
    objective: str
    direction: str
    study: str
    trial: int
    past: list[Past]

    @classmethod
    def of(cls, study: Study, trial: int, pruner: str, options: Mapping[str, Any], objective: str) -> Pruning:
        """The pruning of a trial of a study as it is now."""
        past = [
            Past(
                each.state.name,
                each.value,
                {str(step): value for step, value in each.intermediate_values.items()},
                each.system_attrs,
            )
            for each in study.get_trials(deepcopy=False)
            if each.number != trial
        ]
        return cls(pruner, dict(options), objective, study.direction.name.lower(), study.study_name, trial, past)

    def write(self, folder: Path) -> None:
        """Put it into a job's directory, unless the job has begun with another one already."""
        if not (folder / FILE).exists():
            folder.mkdir(parents=True, exist_ok=True)
            write_text(folder / FILE, json.dumps(asdict(self)))

    @classmethod
    def read(cls, folder: Path) -> Pruning:
        """What was written."""
        found = json.loads((folder / FILE).read_text("utf-8"))
        return cls(**{**found, "past": [Past(**each) for each in found["past"]]})


class Judge:
    """Says of a pack in training whether it is pruned: a copy of the study, in memory, that this trial reports to."""

    def __init__(self, pruning: Pruning):
        import optuna

        optuna.logging.set_verbosity(optuna.logging.WARNING)
        self.pruning = pruning
        pruner = getattr(optuna.pruners, pruning.pruner)(**pruning.options)
        study = optuna.create_study(study_name=pruning.study, direction=pruning.direction, pruner=pruner)
        past = [
            optuna.trial.create_trial(
                state=optuna.trial.TrialState[each.state],
                value=each.value,
                intermediate_values={int(step): value for step, value in each.reported.items()},
                system_attrs=dict(each.notes),
            )
            for each in pruning.past
        ]
        study.add_trials(past[: pruning.trial])
        self._trial = study.ask()  # it gets its own number
        study.add_trials(past[pruning.trial :])
        self._reported = set[int]()

    def hopeless(self, record: Record) -> bool:
        """Whether to end the training, by all that was measured so far."""
        import pandas as pd

        curves = pd.DataFrame([row for member in record.members for row in member.curve])
        diverged = [member.diverged_at for member in record.members if member.diverged_at is not None]
        found = standings(curves, diverged, self.pruning.objective, self.pruning.direction)
        for step, value in found.items():
            if step not in self._reported:
                self._reported.add(step)
                self._trial.report(value, step)
                if self._trial.should_prune():
                    return True
        return False


def standings(curves: pd.DataFrame, diverged_at: Iterable[int], objective: str, direction: str) -> dict[int, float]:
    """What a trial was worth after so many training steps: the mean of the objective over its runs.

    A run that is measured no more counts by its last value. Where one has diverged, or has no such number, the trial is
    as bad as can be. Before the training nothing is worth anything.

    Args:
        curves: the rows of the trial's runs in the table ``curves``.
        diverged_at: the steps at which losses of its runs were not finite.
    """
    lost = min(diverged_at, default=math.inf)
    last: dict[str, float] = {}
    found = dict[int, float]()
    for step in sorted(curves.step.unique().tolist()):
        rows = curves[curves.step == step]
        last.update(zip(rows.run_id, rows[objective], strict=True))
        mean = sum(last.values()) / len(last)
        if step > 0:
            found[step] = mean if math.isfinite(mean) and step < lost else WORST[direction]
    return found
