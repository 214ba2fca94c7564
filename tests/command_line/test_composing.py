"""Configurations as Hydra composes them of what it is told of plugins."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import hydra
import pytest
from hydra._internal.config_loader_impl import ConfigLoaderImpl
from hydra.core.config_store import ConfigStore
from omegaconf import OmegaConf

from harness.base.paths import shipped_folder
from harness.cells.gated.gru import GRU
from harness.cells.gated.lstm import LSTM
from harness.command_line.command import Command
from harness.command_line.groups import register
from tests.helpers.in_process import sweeper_of


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


def test_a_file_is_read_once_and_again_when_it_has_changed(
    compose: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    read = []
    load = OmegaConf.load
    monkeypatch.setattr(OmegaConf, "load", lambda file: read.append(file.name) or load(file))
    file = tmp_path / "cell" / "mine.yaml"
    file.parent.mkdir()
    words = [f"hydra.searchpath=[file://{tmp_path}]", "cell=mine"]
    file.write_text("name: lstm\nforget_bias: 17")
    assert [compose(*words).cell.forget_bias for _ in range(3)] == [17] * 3
    assert read.count(str(file)) == 1
    file.write_text("name: lstm\nforget_bias: 181")
    assert compose(*words).cell.forget_bias == 181


def test_options_of_plugins_are_made_when_they_are_asked_for(compose: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    made = []
    for cell in (LSTM, GRU):
        defaults = cell.defaults_of_options()
        monkeypatch.setattr(cell, "defaults_of_options", lambda name=cell.name, of=defaults: made.append(name) or of)
    register(Command.read([])[0])
    assert not made
    assert compose("cell=lstm").cell.forget_bias == 1
    assert set(made) == {"lstm"}


def test_other_processes_are_handed_what_is_in_store(compose: Any) -> None:
    """Launchers send it along, also to machines that have no files of plugins."""
    sent = pickle.dumps(ConfigStore.instance().repo["cell"]["lstm.yaml"])
    assert b"harness" not in sent
    entry = pickle.loads(sent)
    assert (entry.name, entry.group, entry.node.name) == ("lstm.yaml", "cell", "lstm")


def test_a_command_composes_its_configuration_once_before_it_sweeps(monkeypatch: pytest.MonkeyPatch) -> None:
    composed = []
    plain = ConfigLoaderImpl.load_configuration
    monkeypatch.setattr(
        ConfigLoaderImpl, "load_configuration", lambda *args, **named: composed.append(1) or plain(*args, **named)
    )
    assert sweeper_of("seed=0").config.seed == 0
    assert len(composed) == 1
