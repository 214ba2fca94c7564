from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from harness.report.build import build
from harness.tables.tables import Tables
from harness.trackers import tracker
from tests.helpers.made_tables import made_tables


@pytest.fixture
def tables(tmp_path: Path, empty_pictures: None) -> Tables:
    """Tables of three runs, with a report in ``tmp_path``."""
    made = made_tables(cells=("rnn",), lengths=(10,), scales=(0.9,), seeds=(0, 1, 2))
    build(tmp_path, made)
    return made


def logged(name: str, directory: Path, tables: Tables) -> str:
    return tracker(name).log(directory, tables)


@pytest.fixture
def odd(tmp_path: Path, empty_pictures: None) -> Tables:
    """Tables of two runs: options that are null or not, infinite outcomes."""
    made = made_tables(cells=("rnn",), lengths=(10,), scales=(0.9,), seeds=(0, 1))
    runs = made.runs.assign(
        **{
            "train.clip_norm": [float("nan"), 1.0], "experiment.sizes": [None, "[1, 2]"],
            "experiment.most": pd.array([None, 3], dtype="Int64"), "horizon": [float("inf"), 4.0],
            "decay_rate": [-float("inf"), -0.1],
        }
    )  # fmt: skip
    found = Tables({**made, "runs": runs})
    build(tmp_path, found)
    return found
