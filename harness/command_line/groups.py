"""What Hydra is told of the harness: its sweeper, its launchers, and its plugins as config groups."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property, partial
from typing import Any

from hydra.core.config_store import ConfigNode, ConfigStore
from hydra.core.plugins import Plugins
from omegaconf import DictConfig, OmegaConf

from harness.cells.base import Cell
from harness.command_line import launchers
from harness.command_line.command import Command
from harness.command_line.search.sweeper import SearchSweeper
from harness.command_line.sources import read_once
from harness.command_line.sweeper import PackingSweeper
from harness.plugins.registry import registry
from harness.settings.conduct import run_settings
from harness.tasks.distractors import Distractors
from harness.tasks.experiment import Experiment

GROUPS = ["cell"]
"""Config groups that an experiment may choose from in its `defaults`."""

SWEEPER = "hydra_plugins.harness.PackingSweeper"
SEARCHER = "hydra_plugins.harness.SearchSweeper"
"""Hydra takes sweepers by names below ``hydra_plugins`` only."""


def register(command: Command) -> None:
    """Give Hydra our sweeper, and a config-group entry for every cell, experiment, study and probe."""
    # Hydra makes the sweeper itself; the command line, which it does not pass on, is bound to it here.
    known: dict[str, Any] = Plugins.instance().class_name_to_class
    known[SWEEPER] = partial(PackingSweeper, command=command)
    known[SEARCHER] = partial(SearchSweeper, command=command)
    launchers.register()
    read_once()
    store = ConfigStore.instance()
    store.repo["hydra"].get("sweeper", {}).pop("optuna.yaml", None)  # Hydra's own, where it is installed
    store.store("pack", {"_target_": SWEEPER, "params": None}, group="hydra/sweeper")
    for plugin in registry().of_kind("cell"):
        _offer("cell", plugin.name, partial(cell_config, plugin.target))
    for plugin in registry().of_kind("experiment"):
        _offer("experiment", plugin.name, partial(experiment_config, plugin.target), package="_global_")
        if plugin.target.sweep:
            _offer("study", plugin.name, partial(study_config, plugin.target), package="_global_")
    for plugin in registry().of_kind("probe"):
        _offer("probes", plugin.name, plugin.target.defaults_of_options, package=f"probes.{plugin.name}")


class Entry(ConfigNode):
    """An entry of Hydra's store that is made when it is asked for: a command needs a few of some 200.

    A copy of it, which is what Hydra reads and what it hands on to other processes, is an entry of the usual kind.
    """

    def __init__(self, name: str, make: Callable[[], dict[str, Any]], group: str, package: str | None):
        self.name, self.make, self.group, self.package, self.provider = name, make, group, package, None

    @cached_property
    def node(self) -> DictConfig:  # type: ignore[override]
        """The configuration."""
        return OmegaConf.create(self.make())

    def __reduce__(self) -> tuple[Any, ...]:
        return ConfigNode, (self.name, self.node, self.group, self.package, self.provider)


def _offer(group: str, name: str, make: Callable[[], dict[str, Any]], package: str | None = None) -> None:
    """Store what `make` returns, as late as may be."""
    file = f"{name}.yaml"
    ConfigStore.instance().repo.setdefault(group, {})[file] = Entry(file, make, group, package)


def cell_config(cell: type[Cell]) -> dict[str, Any]:
    """A cell's options."""
    return {"name": cell.name, **cell.defaults_of_options()}


def experiment_config(experiment: type[Experiment]) -> dict[str, Any]:
    """An experiment's options, and the settings of the run that it starts from."""
    options = {**Distractors.defaults_of_options(), **experiment.defaults_of_options()}
    made = OmegaConf.create({"experiment": {"name": experiment.name, **options}})
    choices = []
    for key, value in experiment.defaults.items():
        if key in GROUPS:
            choices.append({f"override /{key}": value})
        else:
            OmegaConf.update(made, key, value)
    return {"defaults": ["_self_", *choices], **run_settings(made)}


def study_config(experiment: type[Experiment]) -> dict[str, Any]:
    """The study that runs an experiment's own sweep."""
    params = {key: str(value) for key, value in experiment.sweep.items()}
    return {
        "defaults": ["_self_", {"override /experiment": experiment.name}],
        "hydra": {"sweeper": {"params": params}},
    }
