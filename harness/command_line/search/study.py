"""The study of a search: opened in a storage that other commands may share, told of trials, its outcome written down.

Several commands may begin in the same moment on one storage. Optuna makes its tables there without asking whether
somebody else does just that; who comes too late is refused by the database, and tries again.
"""

from __future__ import annotations

import inspect
import json
import math
import random
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness.base.errors import UserError, first_line, reason, unknown
from harness.base.files import write_text

if TYPE_CHECKING:
    from optuna import Study
    from optuna.pruners import BasePruner
    from optuna.storages import RDBStorage

RESULTS = "optimization_results.yaml"
"""The file with the best trial; it has the name and the keys of that of Hydra's sweeper for Optuna."""

PRUNED = "pruned"
"""Why a trial has no worth whose training was ended early; how its runs have ended, in their table, too."""

ATTEMPTS = 10
"""How often a storage is tried that somebody else may be making just then."""

BETWEEN_ATTEMPTS = 0.2, 0.6
"""Seconds between two attempts, drawn at random from in between, so that those who met do not meet again."""

BUSY = 120
"""Seconds that SQLite waits for others to end their writing."""


def open_study(
    storage: str, name: str, direction: str, sampler: str, seed: int | None, pruner: BasePruner | None = None
) -> Study:
    """The study of this name in a storage; made where there is none yet.

    Args:
        storage: Optuna's name for it, such as ``sqlite:///study.db``.
        sampler: a class of `optuna.samplers`.
        seed: of the sampler.
        pruner: where trials are pruned.

    Raises:
        UserError: it cannot be opened, or is no storage, or a package that the sampler needs is missing.
    """
    import optuna

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    try:
        study = optuna.create_study(
            storage=_opened(storage), study_name=name, direction=direction, pruner=pruner, load_if_exists=True
        )
        # A sitting that goes on must not draw again what the first has drawn.
        drawn = len(study.get_trials(deepcopy=False))
        study.sampler = getattr(optuna.samplers, sampler)(seed=None if seed is None else seed + drawn)
    except Exception as error:  # of Optuna, of its database, or of a package that a sampler needs
        raise UserError(f"hydra.sweeper.storage={storage}, sampler={sampler}: {reason(error)}") from error
    return study


def _opened(storage: str) -> RDBStorage:
    """A storage with its tables, whoever makes them."""
    from optuna.exceptions import StorageInternalError
    from optuna.storages import RDBStorage
    from sqlalchemy.exc import IntegrityError, OperationalError, ProgrammingError

    how = {"connect_args": {"timeout": BUSY}} if storage.startswith("sqlite") else {"pool_pre_ping": True}
    for attempt in range(1, ATTEMPTS + 1):
        try:
            return RDBStorage(storage, engine_kwargs=how)
        # Tables or their version that are there all at once: databases have different words for it.
        except (IntegrityError, OperationalError, ProgrammingError, StorageInternalError):
            if attempt == ATTEMPTS:
                raise
            time.sleep(random.uniform(*BETWEEN_ATTEMPTS))
    raise AssertionError  # the last attempt returns or raises


@contextmanager
def one_line(storage: str, how_to_go_on: str) -> Iterator[None]:
    """A context in which a storage that fails is told in one line.

    Raises:
        UserError: it cannot be read or written.
    """
    from optuna.exceptions import StorageInternalError
    from sqlalchemy.exc import SQLAlchemyError

    try:
        yield
    except (StorageInternalError, SQLAlchemyError) as error:
        cause = error.__cause__ or error
        raise UserError(
            f"hydra.sweeper.storage={storage}: {reason(cause)}; once that is mended:  {how_to_go_on}"
        ) from error


EXHAUSTIVE = "BruteForceSampler"
"""A sampler that tries all there is, as a sweep does, and would end the study by itself."""


def samplers() -> list[str]:
    """The names of Optuna's samplers that can search here."""
    import optuna

    return [name for name in dir(optuna.samplers) if _is_usable(getattr(optuna.samplers, name))]


def _is_usable(found: object) -> bool:
    """Whether this is a sampler that can be made from a seed, and searches."""
    if not isinstance(found, type) or inspect.isabstract(found) or found.__name__ == EXHAUSTIVE:
        return False
    parameters = inspect.signature(found).parameters
    return "seed" in parameters and all(each.default is not each.empty for each in parameters.values())


PRUNERS = ("HyperbandPruner", "MedianPruner", "PercentilePruner", "SuccessiveHalvingPruner", "ThresholdPruner")
"""Those of Optuna that judge a trial by its values alone, step by step."""


def make_pruner(name: str, options: dict[str, Any]) -> BasePruner:
    """A pruner of Optuna's.

    Raises:
        UserError: there is none of this name, or its options are not valid.
    """
    import optuna

    if name not in PRUNERS:
        raise unknown("hydra.sweeper.pruner", name, PRUNERS)
    kind: Any = getattr(optuna.pruners, name)
    try:
        made: BasePruner = kind(**options)
    except (TypeError, ValueError) as error:
        valid = ", ".join(inspect.signature(kind).parameters)
        raise UserError(
            f"hydra.sweeper.pruner_options={options}: {name}: {first_line(error)}; valid: options among {valid}"
        ) from None
    return made


def report(study: Study, number: int, values: dict[int, float]) -> None:
    """Report what a trial was worth after so many steps; what its pruner makes of them, it notes in the study."""
    from optuna.trial import Trial

    (found,) = (each for each in study.get_trials(deepcopy=False) if each.number == number)
    trial = Trial(study, found._trial_id)
    for step, value in values.items():
        if step not in found.intermediate_values:  # an earlier sitting may have been killed here
            trial.report(value, step)
            trial.should_prune()


def tell(study: Study, number: int, value: float | None, why: str) -> None:
    """Tell a trial's worth to the study, and to whoever watches: None where there is none, and why."""
    from optuna.trial import TrialState

    if why == PRUNED:
        study.tell(number, state=TrialState.PRUNED)
    elif value is None:
        study.tell(number, state=TrialState.FAIL)
        print(f"trial {number} has failed: {why}", file=sys.stderr, flush=True)
    else:
        study.tell(number, value)


def write_results(study: Study, directory: Path) -> None:
    """Write down the best trial, and say it."""
    from optuna.trial import TrialState

    if not study.get_trials(deepcopy=False, states=[TrialState.COMPLETE]):
        print("no trial has come to its end", file=sys.stderr)
        return
    best = study.best_trial
    lines = [f"  {key}: {json.dumps(value)}" for key, value in best.params.items()]
    value = {math.inf: ".inf", -math.inf: "-.inf"}.get(best.value, repr(best.value))
    text = ["name: optuna", "best_params:", *lines, f"best_value: {value}", f"best_job: '{best.number}'"]
    write_text(directory / RESULTS, "\n".join(text) + "\n")
    said = ", ".join(f"{key}={value}" for key, value in best.params.items())
    pruned = len(study.get_trials(deepcopy=False, states=[TrialState.PRUNED]))
    trials = f"{len(study.trials)} trials" + (f", {pruned} of them pruned" if pruned else "")
    print(f"best of {trials}: {said}: {best.value:g} (job {best.number})", file=sys.stderr)
