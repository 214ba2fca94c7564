"""What the documents call by name exists: modules and what is in them, files and folders."""

from __future__ import annotations

import pkgutil
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.helpers.sweeps import ROOT

DOCUMENTS = [ROOT / "README.md", ROOT / "README.zh.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]

NAME = re.compile(r"(?<![\w./-])harness(?:\.[A-Za-z_]\w*)+(?![\w/])")
"""A dotted name: ``harness.training.pack.run``."""

PATH = re.compile(r"(?<![\w./-])(?:harness|tests)/(?:[\w.-]+/)*(?:[\w-]+\.py)?(?![\w…*{<])")
"""A file or folder: ``harness/training/pack.py``, ``harness/cells/``."""


def missing(text: str) -> Iterator[str]:
    """A line for every name and path in a text that there is not, with the number of its line."""
    for number, line in enumerate(text.splitlines(), start=1):
        for pattern, exists, kind in ((NAME, is_there, "name"), (PATH, is_in_the_tree, "file or folder")):
            for mention in pattern.findall(line):
                if not exists(mention):
                    yield f"line {number}: {mention}: there is no such {kind}"


def is_in_the_tree(path: str) -> bool:
    return (ROOT / path).exists()


def is_there(name: str) -> bool:
    """Whether a dotted name leads to something that can be imported, or to a field of a class."""
    try:
        pkgutil.resolve_name(name)
    except AttributeError:
        owner, _, field = name.rpartition(".")
        return is_there(owner) and field in fields(pkgutil.resolve_name(owner))
    return True


def fields(found: Any) -> set[str]:
    """What instances of a class have by its annotations, as settings and options do; nothing of other things."""
    return {name for base in getattr(found, "__mro__", ()) for name in vars(base).get("__annotations__", {})}


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_names_and_paths_in_documents_exist(document: Path) -> None:
    problems = [f"{document.relative_to(ROOT)}, {each}" for each in missing(document.read_text("utf-8"))]
    assert not problems, "\n".join(problems)


@pytest.mark.parametrize(
    ("text", "problems"),
    [
        ("`harness.load(...)`, harness.tables.storage.FORMAT, `python -m harness.report`.", []),
        ("harness.settings.settings.Settings.weight_scale; harness.training.pack.run.", []),
        ("harness/training/pack.py, `harness/cells/`, tests/conftest.py", []),
        ("https://example.org/harness.git, my-harness.yaml, src/harness/none.py, harness/…/none.py", []),
        ("fine\n`harness.nonsense`", ["line 2: harness.nonsense: there is no such name"]),
        ("harness.experiment.Batch.no", ["line 1: harness.experiment.Batch.no: there is no such name"]),
        (
            "harness.settings.settings.Settings.no",
            ["line 1: harness.settings.settings.Settings.no: there is no such name"],
        ),
        (
            "harness/training/nonsense.py\nharness/nonsense/",
            [
                "line 1: harness/training/nonsense.py: there is no such file or folder",
                "line 2: harness/nonsense/: there is no such file or folder",
            ],
        ),
    ],
)
def test_what_is_missing_is_named_with_its_line(text: str, problems: list[str]) -> None:
    assert [*missing(text)] == problems
