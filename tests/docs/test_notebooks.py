"""The notebooks run in a kernel of their own, and show what is committed; their claims are asserted within them."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any

import pytest

from harness.plugins.finding import import_file
from tests.helpers.sweeps import ROOT

nbformat = pytest.importorskip("nbformat")

NOTEBOOKS = sorted((ROOT / "docs" / "notebooks").glob("*.ipynb"))

UNWANTED = re.compile(r"(?:/home|/root|/tmp|/Users|/work)/|site-packages|Warning|\x1b\[|[A-Z]:\\")
"""Paths of a machine, warnings, and colours of a terminal."""


def outputs(notebook: Any) -> list[tuple[int, str, Any]]:
    """Of every output the number of its cell, its kind, and what it holds."""
    return [
        (number, each.output_type, each.get("name") or sorted(each.data))
        for number, cell in enumerate(notebook.cells)
        for each in cell.get("outputs", [])
    ]


def texts(notebook: Any) -> list[str]:
    """What the outputs say, without numbers: these are a machine's own in the last digits."""
    found = [each for cell in notebook.cells for each in cell.get("outputs", [])]
    said = [each.get("text") or each.data.get("text/plain", "") for each in found]
    return [re.sub(r"[-+]?[\d.]+(?:e[-+]?\d+)?|\s+", " ", text) for text in said]


def joined(notebook: Any) -> Any:
    """A notebook whose pieces of one stream are one: how they are cut is a matter of time."""
    for cell in notebook.cells:
        merged: list[Any] = []
        for each in cell.get("outputs", []):
            if merged and each.output_type == merged[-1].output_type == "stream" and each.name == merged[-1].name:
                merged[-1].text += each.text
            else:
                merged.append(each)
        if "outputs" in cell:
            cell["outputs"] = merged
    return notebook


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_what_is_committed_is_whole_and_holds_nothing_of_a_machine(path: Path) -> None:
    notebook = nbformat.read(path, as_version=4)
    nbformat.validate(notebook)
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert [cell.execution_count for cell in code] == list(range(1, len(code) + 1))
    assert any("image/png" in each.get("data", {}) for cell in code for each in cell.outputs)
    assert "assert" in "".join(cell.source for cell in code)
    for _, kind, held in outputs(notebook):
        assert kind != "error"
        assert held != "stderr"
    assert not UNWANTED.findall(re.sub(r'"image/png": "[^"]*"', "", path.read_text("utf-8")))


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_links_within_the_repository_lead_somewhere(path: Path) -> None:
    text = "".join(cell.source for cell in nbformat.read(path, as_version=4).cells if cell.cell_type == "markdown")
    links = [link for link in re.findall(r"\]\(([^)]+)\)", text) if "://" not in link]
    assert links
    assert all((path.parent / link).exists() for link in links)


@pytest.mark.slow
@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_shows_what_is_committed(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("ipykernel")
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")]))
    monkeypatch.setenv("OMP_NUM_THREADS", "1")  # tests run side by side
    made = joined(import_file("make_notebooks", ROOT / "docs" / "make_notebooks.py").executed(path))
    committed = joined(nbformat.read(path, as_version=4))
    assert outputs(made) == outputs(committed)
    assert texts(made) == texts(committed)
