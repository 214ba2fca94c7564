"""Every launcher gives the same tables, and survives workers that are killed."""

from __future__ import annotations

from pathlib import Path

import pytest

import harness
from tests.helpers.clusters import needs, needs_slurm
from tests.helpers.sweeps import PACK_TOLERANCE, QUICK, assert_same, command, with_code

SWEEP = ["-m", *QUICK, "cell=rnn,lstm", "weight_scale=0.9,1.1", "seed=0,1", "train.steps=10", "probe.every=5"]


@pytest.fixture(scope="module")
def basic(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The results of the basic launcher."""
    directory = tmp_path_factory.mktemp("basic")
    done = command(directory, *SWEEP, "hydra.sweep.dir=out")
    assert done.returncode == 0, done.stderr
    return directory / "out"


@pytest.mark.slow
@pytest.mark.cluster
@pytest.mark.parametrize("launcher", ["joblib", "ray", "slurm"])
def test_launchers_give_the_same_tables(tmp_path: Path, basic: Path, launcher: str) -> None:
    if launcher == "slurm":
        needs_slurm()
    else:
        needs(f"hydra_{launcher}_launcher", launcher)
    done = command(tmp_path, *SWEEP, f"hydra/launcher={launcher}", "hydra.sweep.dir=out")
    assert done.returncode == 0, done.stderr
    assert "deprecated" not in done.stderr
    assert_same(basic, tmp_path / "out", tolerance=PACK_TOLERANCE)


TWO_WORKERS = {"joblib": ["hydra.launcher.n_jobs=2"], "ray": []}
"""On a single core joblib would start none, and run the jobs in the command's own process."""

KILL_ONCE = """
import os, pathlib, harness.training.pack
plain = harness.training.pack.Streams
class Streams(plain):
    def next(self, *args):
        if self.seq_len == 8 and {who} in self.seeds and ({always} or not pathlib.Path({mark!r}).exists()):
            pathlib.Path({mark!r}).touch()
            os.kill(os.getpid(), 9)
        return super().next(*args)
harness.training.pack.Streams = Streams
"""


@pytest.mark.slow
@pytest.mark.cluster
@pytest.mark.parametrize("launcher", ["joblib", "ray"])
def test_a_worker_that_is_killed_costs_nothing_but_time(tmp_path: Path, basic: Path, launcher: str) -> None:
    needs(f"hydra_{launcher}_launcher", launcher)
    code = KILL_ONCE.format(who=1, always=False, mark=str(tmp_path / "killed"))
    done = command(
        tmp_path, *SWEEP, f"hydra/launcher={launcher}", *TWO_WORKERS[launcher], "hydra.sweep.dir=out",
        **with_code(tmp_path, code),
    )  # fmt: skip
    assert (tmp_path / "killed").exists()
    assert done.returncode == 0, done.stderr
    assert_same(basic, tmp_path / "out", tolerance=PACK_TOLERANCE)


@pytest.mark.slow
def test_a_run_that_kills_its_worker_every_time_is_isolated(tmp_path: Path, basic: Path) -> None:
    needs("hydra_joblib_launcher", "joblib")
    code = KILL_ONCE.format(who=1, always=True, mark=str(tmp_path / "killed"))
    sweep = [*SWEEP, "hydra/launcher=joblib", *TWO_WORKERS["joblib"], "hydra.sweep.dir=out"]
    done = command(tmp_path, *sweep, **with_code(tmp_path, code))
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    runs = harness.load(tmp_path / "out").runs
    assert runs.groupby("seed").status.unique().map(list).to_dict() == {0: ["ok"], 1: ["failed"]}
    assert runs.reason.dropna().str.contains("SIGKILL|terminated").all()
    again = command(tmp_path, "resume=out")
    assert again.returncode == 0, again.stderr
    assert_same(basic, tmp_path / "out", tolerance=PACK_TOLERANCE)


@pytest.mark.slow
def test_other_sweepers_end_in_tables_and_a_report(tmp_path: Path) -> None:
    done = command(tmp_path, *SWEEP, "hydra/sweeper=basic", "hydra.sweep.dir=out")
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == "out/report.html"
    assert len(harness.load(tmp_path / "out").runs) == 8


@pytest.mark.parametrize("launcher", ["joblib", "ray", "slurm"])
def test_a_launcher_that_is_not_installed_says_how_to_install_it(tmp_path: Path, launcher: str) -> None:
    code = (
        "import sys, importlib.util as u\n"
        "plain = u.find_spec\n"
        "u.find_spec = lambda name, *a: None if name.startswith('hydra_plugins.') else plain(name, *a)\n"
        "sys.modules['hydra_plugins'] = None\n"
    )
    done = command(tmp_path, f"hydra/launcher={launcher}", **with_code(tmp_path, code))
    assert done.returncode == 1
    assert done.stderr.strip().splitlines()[-1].endswith(f"pip install '.[{launcher}]'")
