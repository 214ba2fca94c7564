from __future__ import annotations

from pathlib import Path

import pytest

from harness import plugins
from harness.errors import UserError


@pytest.fixture
def with_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """A registry that finds these files in ``experiments``, besides all cells and figures."""

    def build(**files: str) -> plugins.Registry:
        for name, text in files.items():
            (tmp_path / f"{name}.py").write_text(text)
        monkeypatch.setattr(plugins, "shipped_folder", lambda name: tmp_path)
        return plugins.registry.__wrapped__()

    return build


CELL = """
from harness.cells import PointwiseCell
class {name}(PointwiseCell):
    '''A cell of somebody else.'''
    name = "{name}"
    gates = ("h",)
    def step(self, pre, state):
        return {{"h": pre.sin()}}
"""


def test_a_file_is_found_with_its_name_its_origin_and_its_first_line(with_files) -> None:
    found = with_files(mine=CELL.format(name="sine"))
    (plugin,) = [plugin for plugin in found.of_kind("cell") if plugin.name == "sine"]
    assert plugin.summary == "A cell of somebody else."
    assert plugin.origin.endswith("mine.py")


def test_broken_files_are_listed_with_their_reason_and_stop_nobody_else(with_files) -> None:
    found = with_files(
        fine=CELL.format(name="sine"),
        missing="import no_such_package",
        syntax="def",
        twice=CELL.format(name="lstm"),
    )
    assert "sine" in found.names("cell")
    reasons = {Path(broken.origin).stem: broken.reason for broken in found.broken}
    assert reasons.keys() == {"missing", "syntax", "twice"}
    assert "no_such_package" in reasons["missing"]
    assert "SyntaxError" in reasons["syntax"]
    assert "cells/lstm.py" in reasons["twice"]


def test_asking_for_a_broken_plugin_gives_its_reason(with_files) -> None:
    found = with_files(missing="import no_such_package")
    with pytest.raises(UserError, match=r"missing\.py cannot be used: ModuleNotFoundError"):
        found.get("experiment", "missing")


def test_asking_for_what_is_not_there_names_what_is() -> None:
    with pytest.raises(UserError, match=r"cell=gruu: unknown cell \(did you mean 'gru'\?\); valid: feedforward"):
        plugins.registry().get("cell", "gruu")


def test_every_plugin_says_what_it_is_in_its_first_line() -> None:
    assert not plugins.registry().broken
    for plugin in plugins.registry().plugins.values():
        assert len(plugin.summary) > 20, plugin.name
