"""Ray's and Slurm's launchers of Hydra, which return something for every job even where one of them is lost.

As they come, both end with the first job that is lost, while the others go on unwatched. Here the others are
waited for, and after an interruption nothing is left running. Both packages are optional.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from importlib.util import find_spec
from types import SimpleNamespace
from typing import Any

from hydra.core.plugins import Plugins
from hydra.core.utils import JobReturn, JobStatus
from hydra.plugins.launcher import Launcher
from omegaconf import DictConfig

from harness.base.errors import UserError


def lost(error: Exception) -> JobReturn:
    """The return of a job that was lost."""
    return JobReturn(_return_value=error, status=JobStatus.FAILED)


def _has(package: str) -> bool:
    try:
        return find_spec(f"hydra_plugins.{package}") is not None
    except ModuleNotFoundError:
        return False


if _has("hydra_ray_launcher"):
    from hydra_plugins.hydra_ray_launcher.ray_launcher import RayLauncher as PlainRayLauncher

    class RayLauncher(PlainRayLauncher):
        """Jobs as Ray tasks."""

        def launch(self, job_overrides: Sequence[Sequence[str]], initial_job_idx: int) -> Sequence[JobReturn]:
            """Launch jobs and wait for all of them."""
            import ray
            from hydra_plugins.hydra_ray_launcher import _core

            core: Any = _core

            def get(reference: Any) -> JobReturn:
                try:
                    return ray.get(reference)
                except ray.exceptions.RayError as error:
                    return lost(error)

            ours = not ray.is_initialized()
            core.ray = SimpleNamespace(get=get)  # all that the module takes from Ray
            try:
                return super().launch(job_overrides, initial_job_idx)
            finally:
                core.ray = ray
                if ours:
                    ray.shutdown()


if _has("hydra_submitit_launcher"):
    from hydra_plugins.hydra_submitit_launcher.submitit_launcher import SlurmLauncher as PlainSlurmLauncher

    class SlurmLauncher(PlainSlurmLauncher):
        """Jobs as a Slurm job array."""

        def launch(self, job_overrides: Sequence[Sequence[str]], initial_job_idx: int) -> Sequence[JobReturn]:
            """Submit jobs and wait for all of them."""
            import submitit

            executors: Any = submitit.AutoExecutor
            submitted: list[Any] = []
            submit = executors.map_array

            def map_array(executor: Any, *arguments: Any) -> list[Any]:
                submitted.extend(submit(executor, *arguments))
                return [SimpleNamespace(results=lambda job=job: _results(job)) for job in submitted]

            executors.map_array = map_array
            try:
                return super().launch(job_overrides, initial_job_idx)
            except BaseException:
                for job in submitted:
                    with suppress(Exception):
                        job.cancel(check=False)
                raise
            finally:
                executors.map_array = submit

    def _results(job: Any) -> list[JobReturn]:
        from submitit.core.utils import UncompletedJobError

        try:
            return job.results()
        except UncompletedJobError as error:  # also that of a job that has raised
            return [lost(error)]


EXTRAS = {"ray": "RayLauncher", "slurm": "SlurmLauncher", "joblib": "JoblibLauncher"}
"""Extras of this package, by the launcher that each brings."""


def check_installed(config: DictConfig) -> None:
    """Check that the launcher in a configuration can be had.

    Raises:
        UserError: it belongs to an extra of this package that is not installed.
    """
    target = str(config.hydra.launcher._target_)
    for extra, name in EXTRAS.items():
        if target.endswith(f".{name}") and target not in Plugins.instance().class_name_to_class:
            raise UserError(f"hydra/launcher={extra}: not installed; install it with: pip install '.[{extra}]'")


def register() -> None:
    """Make them known to Hydra, which takes launchers only by names below ``hydra_plugins``."""
    plugins = Plugins.instance()
    for name in EXTRAS.values():
        launcher = globals().get(name)
        if launcher is not None:
            assert issubclass(launcher, Launcher)
            plugins.class_name_to_class[f"hydra_plugins.harness.{name}"] = launcher
