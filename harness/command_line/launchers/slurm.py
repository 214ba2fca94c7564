"""Jobs as a Slurm job array.

Submitit writes the job array and starts Python in its elements. What Hydra's launcher does besides is done otherwise
here: it notices lost jobs by Slurm's accounting only, which many clusters do not have, ends with the first of them, and
starts a job that is over its time limit again from the beginning, without a word.
"""

from __future__ import annotations

import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from hydra.core.singleton import Singleton
from hydra.core.utils import JobReturn
from hydra.types import HydraContext, TaskFunction
from hydra_plugins.hydra_submitit_launcher.submitit_launcher import BaseSubmititLauncher
from omegaconf import DictConfig

from harness.base.errors import TooLong, UserError, unknown_setting
from harness.command_line.launchers.asked import asks_for_gpus
from harness.command_line.launchers.lost import lost
from harness.command_line.launchers.queue import Queue

PATIENCE = 15.0
"""Seconds that a shared file system may take to show what a job that has ended has left."""

LOOK_EVERY = 0.5
"""Seconds between two looks at the files that jobs leave."""

SHARED = {
    "timeout_min", "cpus_per_task", "gpus_per_node", "tasks_per_node", "mem_gb", "nodes", "name", "stderr_to_stdout",
}  # fmt: skip
"""Parameters that submitit has for every kind of cluster; those of Slurm's begin with its name."""

GPUS = ("gpus_per_node", "gpus_per_task", "gres", "gpus")
"""Parameters that may ask for GPUs; where jobs need one and none of these says anything, each job gets one."""

OWN = {"submitit_folder", "max_num_timeout"}
"""Settings that are no parameters of a job."""


class SlurmLauncher(BaseSubmititLauncher):
    """Jobs as elements of a job array; settings are submitit's parameters, ``additional_parameters`` are sbatch's."""

    elsewhere = True
    """Whether jobs run on other machines, whose devices this one need not have."""

    def setup(self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig) -> None:
        """Take the configuration, once Slurm has said that it would accept such jobs.

        Raises:
            UserError: it would not.
        """
        super().setup(hydra_context=hydra_context, task_function=task_function, config=config)
        limit, announced = self.params["timeout_min"], self.params["signal_delay_s"]
        if 60 * limit <= announced:
            raise UserError(
                f"hydra.launcher.timeout_min={limit}: Slurm would announce a job's end (signal_delay_s={announced}) at "
                f"its beginning; valid: more than {announced / 60:g}, or a smaller hydra.launcher.signal_delay_s"
            )
        if shutil.which("sbatch") is None:
            raise UserError(
                "hydra/launcher=slurm: no sbatch here; valid: on a machine that submits jobs to a Slurm cluster, or "
                "another hydra/launcher"
            )
        with tempfile.TemporaryDirectory() as folder:
            script = Path(folder) / "job.sh"
            script.write_text(self._executor(folder)._executor._make_submission_file_text("true", "test"))
            tried = subprocess.run(["sbatch", "--test-only", script], capture_output=True, text=True, check=False)
        if tried.returncode:
            said = " ".join(tried.stderr.replace("sbatch: error: ", "").split())
            raise UserError(
                f"hydra.launcher: sbatch takes no such job ({said}); valid: what your cluster's sbatch takes"
            )

    def ask_for_gpus(self, job_overrides: Sequence[Sequence[str]]) -> None:
        """Give each job a GPU, where jobs need one and nobody says how many."""
        said = {**self.params, **(self.params.get("additional_parameters") or {})}
        if asks_for_gpus(self.config, job_overrides) and not any(said.get(each) for each in GPUS):
            self.params["gpus_per_node"] = 1

    def launch(self, job_overrides: Sequence[Sequence[str]], initial_job_idx: int) -> Sequence[JobReturn]:
        """Submit jobs and wait for all of them."""
        self.ask_for_gpus(job_overrides)
        state = Singleton.get_state()
        calls = [
            (list(overrides), "hydra.sweep.dir", number, f"job_id_for_{number}", state)
            for number, overrides in enumerate(job_overrides, start=initial_job_idx)
        ]
        assert self.config is not None
        jobs = self._executor(self.config.hydra.launcher.submitit_folder).map_array(self, *zip(*calls, strict=True))
        try:
            return self._returns(jobs)
        except BaseException:
            subprocess.run(["scancel", *(job.job_id for job in jobs)], capture_output=True, check=False)
            raise

    def _executor(self, folder: str) -> Any:
        import submitit

        params = {key: value for key, value in self.params.items() if key not in OWN}
        valid = {*SHARED, *OWN, *submitit.SlurmExecutor._valid_parameters()}
        for key in params:
            if key not in valid:
                raise unknown_setting(f"hydra.launcher.{key}", [f"hydra.launcher.{each}" for each in valid])
        executor = submitit.AutoExecutor(folder, cluster="slurm", slurm_max_num_timeout=self.params["max_num_timeout"])
        executor.update_parameters(**{key if key in SHARED else f"slurm_{key}": each for key, each in params.items()})
        return executor

    def _returns(self, jobs: Sequence[Any]) -> list[JobReturn]:
        """Wait for jobs: for what they leave, or until Slurm has them no more."""
        found: dict[str, JobReturn] = {}
        late: dict[str, float] = {}
        queue = Queue([job.job_id for job in jobs], self._say_restarted)
        while left := [job for job in jobs if job.job_id not in found]:
            ended = queue.ended()
            for job in left:
                if job.paths.result_pickle.exists():
                    found[job.job_id] = _left_by(job)
                elif (state := ended.get(job.job_id)) and time.monotonic() > late.setdefault(
                    job.job_id, time.monotonic() + PATIENCE
                ):
                    found[job.job_id] = lost(self._error(job.job_id, state))
            time.sleep(LOOK_EVERY)
        return [found[job.job_id] for job in jobs]

    def _error(self, job: str, state: str) -> Exception:
        return self._too_long() if state == "TIMEOUT" else RuntimeError(f"Slurm's job {job}: {state}")

    def _too_long(self) -> TooLong:
        return TooLong(f"took longer than hydra.launcher.timeout_min={self.params['timeout_min']} minutes")

    def _say_restarted(self, job: str) -> None:
        assert self.config is not None
        how = "goes on from its checkpoint" if self.config.checkpoint.every else "begins anew (checkpoint.every=0)"
        print(f"Slurm starts its job {job} again, after its time limit or a preemption; it {how}", file=sys.stderr)

    def __call__(self, *call: Any) -> JobReturn:
        """Run one job, on a node.

        Slurm announces a job's end by a signal. Submitit would break off whatever is at work, and put the job into
        the queue again; here the job first ends its training step and saves its state, as after Ctrl-C.
        """
        from submitit.core.job_environment import JobEnvironment
        from submitit.core.utils import UncompletedJobError

        announced = []
        number = getattr(signal, f"SIG{JobEnvironment.USR_SIG}")
        submitits = signal.getsignal(number)

        def stop(number: int, frame: object) -> None:
            announced.append(number)
            signal.raise_signal(signal.SIGINT)

        signal.signal(number, stop)
        try:
            return super().__call__(*call)
        except KeyboardInterrupt:
            if not announced or not callable(submitits):
                raise
            try:
                submitits(number, None)  # puts the job into the queue again, and ends this process
            except UncompletedJobError:  # it has been there as often as max_num_timeout allows
                return lost(self._too_long())
            raise


def _left_by(job: Any) -> JobReturn:
    try:
        returned: JobReturn = job.results()[0]
    except Exception as error:  # that of the job, as text
        return lost(error)
    return returned
