"""What jobs ask of the machines that they run on."""

from __future__ import annotations

from collections.abc import Sequence

from omegaconf import DictConfig


def asks_for_gpus(config: DictConfig | None, job_overrides: Sequence[Sequence[str]]) -> bool:
    """Whether any of some jobs runs on a GPU."""
    devices = [
        word.partition("=")[2] for job in job_overrides for word in job if word.lstrip("+").startswith("device=")
    ]
    if not devices and config is not None:
        devices = [str(config.get("device", "cpu"))]
    return any(each.strip("'\"").startswith("cuda") for each in devices)
