"""Who starts the jobs: Hydra's launchers for joblib, Ray and Slurm, each an optional package, as the harness uses them.

A launcher returns something for every job, even where one of them is lost, and leaves nothing running after an
interruption: `ray` and `slurm` see to that, joblib's does as it comes. Jobs on a GPU get one each, if there are enough.
Their presets stand in ``conf/hydra/launcher``.
Ray and submitit are imported only where jobs are launched: it takes long.
"""

from __future__ import annotations

from importlib import import_module
from importlib.util import find_spec
from typing import Any, NamedTuple

from hydra.core.config_store import ConfigStore
from hydra.core.plugins import Plugins
from omegaconf import DictConfig

from harness.base.errors import UserError


class Extra(NamedTuple):
    """A launcher that an extra of this package brings.

    Attributes:
        package: Hydra's, below ``hydra_plugins``.
        schema: the name under which that package keeps the settings of its launcher, with their types.
        launcher: module and name of the class.
    """

    package: str
    schema: str
    launcher: tuple[str, str]


OURS = "harness.command_line.launchers"

LAUNCHERS = {
    "joblib": Extra("hydra_joblib_launcher", "joblib", (f"{OURS}.joblib", "JoblibLauncher")),
    "ray": Extra("hydra_ray_launcher", "ray", (f"{OURS}.ray", "RayLauncher")),
    "slurm": Extra("hydra_submitit_launcher", "submitit_slurm", (f"{OURS}.slurm", "SlurmLauncher")),
}
"""By the name of the extra, which is that of the preset, too."""

TARGET = "hydra_plugins.harness."
"""What the targets in presets begin with: Hydra takes launchers by names below ``hydra_plugins`` only."""


def register() -> None:
    """Make them known to Hydra.

    Each package keeps its schema among the launchers. Our presets extend it by their defaults lists; under the name of
    a preset Hydra would warn of it at every start, so that it moves to a group of schemas.
    """
    known: dict[str, Any] = Plugins.instance().class_name_to_class  # which imports the packages
    store = ConfigStore.instance()
    there = store.repo["hydra"]["launcher"]
    for extra, found in LAUNCHERS.items():
        if _has(found.package):
            module, name = found.launcher
            known[TARGET + extra] = getattr(import_module(module), name)
            if schema := there.pop(f"{found.schema}.yaml", None):
                store.store(extra, schema.node, group="hydra/launcher/schema", provider=schema.provider)


def _has(package: str) -> bool:
    try:
        return find_spec(f"hydra_plugins.{package}") is not None
    except ModuleNotFoundError:
        return False


def check_installed(config: DictConfig) -> None:
    """Check that the launcher in a configuration can be had.

    Raises:
        UserError: it belongs to an extra of this package that is not installed.
    """
    target = str(config.hydra.launcher._target_)
    extra = target.removeprefix(TARGET)
    if extra in LAUNCHERS and target not in Plugins.instance().class_name_to_class:
        raise UserError(f"hydra/launcher={extra}: not installed; install it with: pip install '.[{extra}]'")
