from __future__ import annotations

from pathlib import Path

import pytest

from harness.report.build import build
from harness.tables.tables import Tables
from harness.trackers import tracker
from tests.helpers.made_tables import made_tables


@pytest.fixture
def tables(tmp_path: Path) -> Tables:
    """Tables of three runs, with a report in ``tmp_path``."""
    made = made_tables(cells=("rnn",), lengths=(10,), scales=(0.9,), seeds=(0, 1, 2))
    build(tmp_path, made)
    return made


def logged(name: str, directory: Path, tables: Tables) -> str:
    chosen = tracker(name)
    assert chosen is not None
    return chosen.log(directory, tables)
