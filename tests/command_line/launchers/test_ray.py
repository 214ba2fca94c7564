"""Ray: a cluster that runs already, and one of our own."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import harness
from tests.helpers.clusters import needs
from tests.helpers.sweeps import QUICK, ROOT, command, wait_for

pytestmark = [pytest.mark.slow, pytest.mark.cluster]

RAY = str(Path(sys.executable).parent / "ray")

PORT = 6391

OPEN = {"RAY_AUTH_MODE": "disabled"}
"""Without a token, which would have to lie in the home directory."""


@pytest.fixture
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a cluster that runs on this machine, in a directory of its own."""
    needs("hydra_ray_launcher", "ray")
    options = [f"--port={PORT}", "--num-cpus=2", "--include-dashboard=false", "--object-store-memory=80000000"]
    process = subprocess.Popen(
        [RAY, "start", "--head", "--block", *options],
        cwd=tmp_path_factory.mktemp("cluster"),
        env={**os.environ, **OPEN, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    wait_for(listens, process)
    yield f"127.0.0.1:{PORT}"
    # `ray stop` would end the clusters of tests beside this one, too; and a cluster that is asked to end takes half a
    # minute to do so. What it has started ends with it.
    os.killpg(process.pid, signal.SIGKILL)
    process.wait(timeout=60)


def listens() -> bool:
    with socket.socket() as tried:
        return tried.connect_ex(("127.0.0.1", PORT)) == 0


def test_a_running_cluster_takes_the_jobs_and_results_come_where_they_are_expected(
    cluster: str, tmp_path: Path
) -> None:
    """The cluster's workers run elsewhere: results with a relative name, as by default, are those of the command."""
    where = [f"hydra.launcher.ray.init.address={cluster}", "hydra.launcher.ray.remote.num_cpus=0.5"]
    sweep = ["-m", *QUICK, "cell=rnn,gru", "train.steps=2", "probe.every=1", "hydra/launcher=ray"]
    done = command(tmp_path, *sweep, *where, **OPEN)
    assert done.returncode == 0, done.stderr
    (report,) = tmp_path.glob("results/recall_dish/*/report.html")
    assert harness.load(report.parent).runs.status.tolist() == ["ok", "ok"]
