"""How a sweep is conducted: settings that change no run's numbers, and so are no part of its `run_id`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any

from omegaconf import DictConfig, OmegaConf
from pydantic import Field

from harness.base.errors import UserError
from harness.base.language import SOURCE, languages
from harness.base.options import Options, build, one_of
from harness.settings.settings import described
from harness.tables.columns import FLOAT_OUTCOMES


class SweepOptions(Options):
    """Packing, limits and what a sweeper that searches is told."""

    pack: bool = Field(True, description="whether runs that differ only in what changes no shape train together")
    max_members: int | None = Field(
        None, ge=1, description="most runs in one pack; null: as many as memory allows, up to 64"
    )
    timeout: float | None = Field(None, gt=0, description="seconds that a pack may take; null: no limit")
    objective: Annotated[str, one_of(sorted(FLOAT_OUTCOMES))] = Field(
        "loss", description="column of the table of runs that a searching sweeper (Optuna's) is told"
    )
    fail_fast: bool = Field(False, description="end the sweep at the first run that fails")
    take_over: bool = Field(
        False, description="count what is done in the directory, although a plugin has changed since"
    )
    only: list[str] | None = None
    """Runs of a job that are to be done, by run_id; the sweeper sets it where others are done already."""
    pruning: bool = False
    """Whether a job may be pruned, by what its directory holds of the study; the sweeper that searches sets it."""


class CheckpointOptions(Options):
    """Saving the state of a long job, so that it goes on where it was interrupted."""

    every: int | None = Field(0, ge=0, description="training steps between checkpoints of a job; 0: none")


class KeepOptions(Options):
    """What is kept of the trained networks."""

    weights: bool = Field(False, description="whether every run's weights are kept as they are at its end")
    best: bool = Field(False, description="whether those with the lowest held-out loss are kept besides")


class ReportOptions(Options):
    """The report at the end."""

    language: Annotated[str, one_of(languages())] = Field(
        SOURCE, description=f"language in which reports are written: {', '.join(languages())}"
    )


CONDUCT: dict[str, type[Options]] = {
    "sweep": SweepOptions,
    "checkpoint": CheckpointOptions,
    "keep": KeepOptions,
    "report": ReportOptions,
}
"""Sections of the configuration that are no settings of a run."""


@dataclass(frozen=True)
class Conduct:
    """All of them."""

    sweep: SweepOptions
    checkpoint: CheckpointOptions
    keep: KeepOptions
    report: ReportOptions


def conduct(config: DictConfig) -> Conduct:
    """The conduct in a job's configuration.

    Raises:
        UserError: one line that names the key, its value and what is valid.
    """
    found: dict[str, Any] = {}
    for key, section in CONDUCT.items():
        if not isinstance(config[key], DictConfig):
            raise UserError(f"{key}={config[key]}: valid: a section with {', '.join(dict(described(section)))}")
        values: Any = OmegaConf.to_container(config[key], resolve=True)
        found[key] = build(section, values, prefix=f"{key}.")
    return Conduct(**found)


def run_settings(config: DictConfig) -> dict[str, Any]:
    """The settings of a job's runs as plain containers: without Hydra's, and without how the sweep is conducted."""
    own = OmegaConf.masked_copy(config, [str(key) for key in config if key not in ("hydra", "tracker", *CONDUCT)])
    values = OmegaConf.to_container(own, resolve=True)
    assert isinstance(values, dict)
    return {str(key): value for key, value in values.items()}
