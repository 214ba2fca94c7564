"""Jobs on this machine by joblib: as many at a time as there are cores, or, on GPUs, as there are GPUs."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from hydra.core.utils import JobReturn
from hydra_plugins.hydra_joblib_launcher.joblib_launcher import JoblibLauncher as PlainJoblibLauncher

from harness.base.gpus import gpu_count
from harness.command_line.launchers.asked import asks_for_gpus


class JoblibLauncher(PlainJoblibLauncher):
    """Jobs in worker processes; each finds a GPU of its own (`harness.base.gpus`)."""

    def launch(self, job_overrides: Sequence[Sequence[str]], initial_job_idx: int) -> Sequence[JobReturn]:
        """Launch jobs and wait for all of them."""
        if asks_for_gpus(self.config, job_overrides) and (gpus := gpu_count()):
            if (workers := self.joblib["n_jobs"]) < 1:
                self.joblib["n_jobs"] = gpus
            elif (shared := min(workers, len(job_overrides))) > gpus:
                print(
                    f"{shared} jobs share {gpus} GPU{'s' if gpus > 1 else ''}: they take turns, unless MPS runs; "
                    f"hydra.launcher.n_jobs={gpus} gives each one of its own",
                    file=sys.stderr,
                )
        return super().launch(job_overrides, initial_job_idx)
