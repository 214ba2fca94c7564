"""What Hydra is told of the harness: its sweeper, its launchers, and its plugins as config groups."""

from __future__ import annotations

import copy
from functools import partial
from typing import Any

from hydra._internal.sources_registry import SourcesRegistry
from hydra.core.config_store import ConfigStore
from hydra.core.plugins import Plugins
from hydra.plugins.config_source import ConfigSource
from omegaconf import OmegaConf

from harness.command_line import launchers
from harness.command_line.command import Command
from harness.command_line.search.sweeper import SearchSweeper
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
    SourcesRegistry.instance().resolve("structured").__deepcopy__ = _with_one_store  # type: ignore[attr-defined]
    store = ConfigStore.instance()
    store.repo["hydra"].get("sweeper", {}).pop("optuna.yaml", None)  # Hydra's own, where it is installed
    store.store("pack", {"_target_": SWEEPER, "params": None}, group="hydra/sweeper")
    for plugin in registry().of_kind("cell"):
        store.store(plugin.name, {"name": plugin.name, **plugin.target.defaults_of_options()}, group="cell")
    for plugin in registry().of_kind("experiment"):
        store.store(plugin.name, experiment_config(plugin.target), group="experiment", package="_global_")
        if plugin.target.sweep:
            store.store(plugin.name, study_config(plugin.target), group="study", package="_global_")
    for plugin in registry().of_kind("probe"):
        store.store(plugin.name, plugin.target.defaults_of_options(), group="probes", package=f"probes.{plugin.name}")


def _with_one_store(source: ConfigSource, memo: dict[int, Any]) -> ConfigSource:
    """A copy of a source that reads the same store, in place of a copy of it.

    For every configuration, so twice for every job, Hydra copies its sources. One of them reads the store, which it
    does not change: a copy of some 200 entries took longer than the rest of composing.
    """
    return copy.copy(source)


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
