"""Configurations as Hydra composes them of what it is told of plugins."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import Any

import hydra
import pytest
from hydra.core.config_store import ConfigStore

from harness.base.paths import shipped_folder
from harness.command_line.command import Command
from harness.command_line.groups import register


@pytest.fixture
def compose() -> Iterator[Any]:
    register(Command.read([])[0])
    with hydra.initialize_config_dir(str(shipped_folder("conf")), version_base="1.3"):
        yield lambda *words: hydra.compose("config", [*words])


class NoCopy:
    """An entry of the store that nobody asks for."""

    def __deepcopy__(self, memo: dict[int, Any]) -> NoCopy:
        raise AssertionError("all entries are copied")


def test_what_is_not_asked_for_is_not_copied(compose: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """To copy all plugins' options for every job takes longer than the rest of its configuration."""
    monkeypatch.setitem(ConfigStore.instance().repo, "never_asked_for.yaml", NoCopy())
    with pytest.raises(AssertionError, match="all entries"):
        copy.deepcopy(ConfigStore.instance().repo)
    assert compose("cell=lstm").cell.name == "lstm"


def test_a_configuration_that_is_changed_changes_no_later_one(compose: Any) -> None:
    first = compose("cell=lstm")
    before = copy.deepcopy(first)
    first.cell.forget_bias = 17
    first.experiment.name = "nonsense"
    assert compose("cell=lstm") == before
