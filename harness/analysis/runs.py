"""Which runs belong together: those with an outcome, and those of one version of a task."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from harness.analysis.words import MOST_LISTED

if TYPE_CHECKING:
    import pandas as pd


def finished(runs: pd.DataFrame) -> pd.DataFrame:
    """The runs that have an outcome: all but the failed ones."""
    return runs[runs.status != "failed"]


def varied_options(runs: pd.DataFrame) -> list[str]:
    """Options of the experiment in which the runs differ."""
    return [key for key in map(str, runs) if key.startswith("experiment.") and runs[key].nunique() > 1]


def versions(runs: pd.DataFrame) -> Iterator[tuple[str, pd.DataFrame]]:
    """The runs of every version of a task apart: an experiment, and its options where the sweep varies them.

    Yields:
        What tells a version from the others, ``parity, asked=end``, empty where there is but one; and its runs.
    """
    several = runs.experiment.nunique() > 1
    for name, own in runs.groupby("experiment", sort=False):
        options = varied_options(own)
        apart = list(own.groupby(options, sort=False)) if options else []
        if not 1 < len(apart) <= MOST_LISTED:
            yield str(name) if several else "", own
            continue
        for values, part in apart:
            said = [f"{key.removeprefix('experiment.')}={value}" for key, value in zip(options, values, strict=True)]
            yield ", ".join([str(name), *said] if several else said), part
