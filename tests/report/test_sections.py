"""What a section of the report says of the task itself."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.report.claims import ClaimResult
from harness.report.sections import section
from harness.tables.tables import Tables
from tests.helpers.made_tables import made_tables


@pytest.mark.parametrize(
    ("name", "level"),
    [
        ("parity", "In the Chomsky hierarchy it is regular: finitely many states are enough."),
        ("reverse_string", "In the Chomsky hierarchy it is context-free: a stack is enough."),
        ("duplicate_string", "In the Chomsky hierarchy it is context-sensitive: a tape is needed."),
        ("recall_dish", ""),
    ],
)
def test_the_level_of_a_task_stands_beside_what_it_is(tmp_path: Path, name: str, level: str) -> None:
    tables = made_tables()
    named = Tables({**tables, "runs": tables.runs.assign(experiment=name)})
    about = section(tmp_path, named, name, ClaimResult(name, "", "not tested")).about
    assert about.endswith(level)
    assert ("Chomsky" in about) is bool(level)
