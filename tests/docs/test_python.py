"""The page on Python is run as it stands, from its first line to its last."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from tests.helpers.sweeps import ROOT


@pytest.mark.slow
def test_the_page_runs_as_it_stands(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    scope: dict[str, Any] = {"__name__": "page"}
    for block in re.findall(r"```python\n(.*?)```", (ROOT / "docs" / "python.md").read_text("utf-8"), re.S):
        exec(compile(block, "docs/python.md", "exec"), scope)
    assert scope["found"].runs.groupby("cell").size().to_dict() == {"lstm": 4, "rnn": 4}
    assert len(scope["together"].runs) == 8
    assert scope["outputs"].shape[:2] == (1, 5)
    assert [rows.step.iloc[0] for rows in scope["history"]] == [0, 1, 2]
    assert scope["asked"].gradients.lag.max() == 29
    assert {*scope["asked"]} == {"gradients", "transport", "gates"}
