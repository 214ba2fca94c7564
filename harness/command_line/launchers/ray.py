"""Jobs as tasks of Ray.

Hydra's launcher ends with the first job that is lost, while the others go on unwatched, and it hands a size of the
object store to clusters that take none. Here every job is waited for, and only a cluster of our own is told its size.
"""

from __future__ import annotations

from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any

from hydra.core.utils import JobReturn
from hydra_plugins.hydra_ray_launcher.ray_launcher import RayLauncher as PlainRayLauncher
from omegaconf import open_dict

from harness.command_line.launchers.asked import asks_for_gpus
from harness.command_line.launchers.lost import lost

OWN = "local"
"""The address that stands for a cluster of our own, made for this sweep."""


class RayLauncher(PlainRayLauncher):
    """Jobs as Ray tasks."""

    @property
    def elsewhere(self) -> bool:
        """Whether jobs run on other machines, whose devices this one need not have."""
        return bool(self.ray_cfg.init.get("address") != OWN)

    def ask_for_gpus(self, job_overrides: Sequence[Sequence[str]]) -> None:
        """Give each job a GPU of its own, where jobs need one and nobody says otherwise: else Ray hides them all."""
        if asks_for_gpus(self.config, job_overrides) and self.ray_cfg.remote.get("num_gpus") is None:
            with open_dict(self.ray_cfg):
                self.ray_cfg.remote.num_gpus = 1

    def launch(self, job_overrides: Sequence[Sequence[str]], initial_job_idx: int) -> Sequence[JobReturn]:
        """Launch jobs and wait for all of them."""
        import ray
        from hydra_plugins.hydra_ray_launcher import _core

        self.ask_for_gpus(job_overrides)
        if self.ray_cfg.init.get("address") != OWN:
            with open_dict(self.ray_cfg):
                self.ray_cfg.init.setdefault("object_store_memory", None)  # the cluster has one already
        core: Any = _core
        ours = not ray.is_initialized()
        core.ray = SimpleNamespace(get=_get)  # all that the module takes from Ray
        try:
            return super().launch(job_overrides, initial_job_idx)
        finally:
            core.ray = ray
            if ours:
                ray.shutdown()


def _get(reference: Any) -> JobReturn:
    import ray

    try:
        return ray.get(reference)
    except ray.exceptions.RayTaskError as error:  # the task could not even begin: what it lacks is said last
        return lost(RuntimeError(str(error).strip().splitlines()[-1]))
    except ray.exceptions.RayError as error:
        return lost(error)
