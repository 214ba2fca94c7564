"""A job: one pack of runs as a launcher starts it, in this process or on another machine."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig, OmegaConf

from harness.progress import JobProgress
from harness.record import failed
from harness.run import run
from harness.settings import Settings, members
from harness.tables import first_line, write_tables

log = logging.getLogger(__name__)


def run_job(config: DictConfig) -> int:
    """Run the members of a job's configuration and write their tables into the job's directory.

    A member or a whole pack that raises is recorded as failed, with its reason; the traceback stands in
    the job's log.

    Returns:
        The number of failed runs.
    """
    directory = Path(HydraConfig.get().runtime.output_dir)
    runs = members(plain(config))
    progress = JobProgress(directory, steps=runs[0].train.steps)
    try:
        tables = run(runs, progress.tick)
        failures = 0
    except Exception as error:
        log.exception("job %s failed", directory.name)
        tables = failed(runs, f"{type(error).__name__}: {first_line(error)}")
        failures = len(runs)
    tables["runs"]["job"] = directory.name
    write_tables(directory / "tables", tables)
    progress.done()
    return failures


def plain(config: DictConfig) -> dict[str, Any]:
    """The settings of a job's runs as plain containers, without what is no setting of a run."""
    own = OmegaConf.masked_copy(config, [str(key) for key in config if key not in ("hydra", "tracker")])
    values = OmegaConf.to_container(own, resolve=True)
    assert isinstance(values, dict)
    return {str(key): value for key, value in values.items()}


def describe(runs: list[Settings]) -> str:
    """What a job is, in a few words."""
    first = runs[0]
    return f"{first.experiment.name} {first.cell.name} seq_len={first.seq_len}"


def work(runs: list[Settings]) -> float:
    """A job's share of the work, in arbitrary units: what the time left is reckoned by."""
    first = runs[0]
    width = first.cell.width(first.hidden_size)
    return float(len(runs) * (first.train.steps + 1) * first.seq_len * first.num_layers * width)
