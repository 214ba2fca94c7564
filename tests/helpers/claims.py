"""What runs say about the claim of an experiment: real runs, and runs made up."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any

import pandas as pd

from harness.experiment import Experiment, Tables, Verdict
from harness.settings.members import members
from harness.training.pack import run
from tests.conftest import BASE


def trained(
    experiment: type[Experiment],
    cell: str | Sequence[str],
    options: dict[str, Any] | None = None,
    train: dict[str, Any] | None = None,
    probe: dict[str, Any] | None = None,
    **settings: Any,
) -> pd.DataFrame:
    """Train an experiment, and return the table of runs.

    Args:
        cell: one, or several to compare.
        options: those of the experiment; a list compares their values.
        train: what differs from batches of 32 at a learning rate of 0.01, and from an end once a run solves its task.
        probe: what differs from a small probe before training and four while it lasts.
        settings: others of a job; lists at packed settings make several runs.
    """
    cells = [cell] if isinstance(cell, str) else cell
    choices = {key: value if isinstance(value, list) else [value] for key, value in (options or {}).items()}
    training = {**BASE["train"], "batch_size": 32, "stop_solved": True, **(train or {})}
    job = {
        **BASE,
        "train": training,
        "probe": {**BASE["probe"], "every": -(-training["steps"] // 4), **(probe or {})},
        "engine": {**BASE["engine"], "compile": "auto"},
        **{"seed": [0, 1], **settings},
    }
    found = []
    for name, *chosen in itertools.product(cells, *choices.values()):
        version = {"name": experiment.name, **dict(zip(choices, chosen, strict=True))}
        found.append(run(members({**job, "experiment": version, "cell": {"name": name}}))["runs"])
    return pd.concat(found, ignore_index=True)


def borne_out(experiment: type[Experiment], results: Tables | pd.DataFrame) -> bool | None:
    """Whether tables, or runs alone, bear out what the experiment claims; None if they do not test it."""
    verdict = _verdict(experiment, results)
    return None if verdict is None else bool(verdict.holds)


def assert_borne_out(experiment: type[Experiment], results: Tables | pd.DataFrame) -> None:
    """Tables, or runs alone, bear out what the experiment claims; if not, the error says with which numbers."""
    verdict = _verdict(experiment, results)
    assert verdict is not None
    assert verdict.holds, verdict.numbers


def with_seeds(runs: pd.DataFrame) -> pd.DataFrame:
    """Made-up runs that say no seed: each row stands for runs of two seeds, judged on 512 samples of one answer."""
    if "seed" in runs:
        return runs
    error = (runs.accuracy * (1 - runs.accuracy) / 511) ** 0.5
    whole = {"seq_len": 10, "weight_scale": 1.0, "eval_samples": 512, "accuracy_se": error, "solved": False}
    full = runs.assign(**{key: value for key, value in whole.items() if key not in runs})
    both = pd.concat([full.assign(seed=seed) for seed in (0, 1)], ignore_index=True)
    return both.assign(run_id=both.index.astype(str))


def _verdict(experiment: type[Experiment], results: Tables | pd.DataFrame) -> Verdict | None:
    return experiment.bears_out(Tables({"runs": with_seeds(results)}) if isinstance(results, pd.DataFrame) else results)
