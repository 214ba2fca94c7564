"""Every launcher gives the same tables, and survives workers that are killed."""

from __future__ import annotations

from pathlib import Path

import pytest

import harness
from tests.helpers.clusters import needs, needs_slurm
from tests.helpers.sweeps import PACK_TOLERANCE, QUICK, assert_same, command, finished_sweep, when_imported

SWEEP = ["-m", *QUICK, "seq_len=8,9", "seed=0,1", "train.steps=10", "probe.every=5"]


@pytest.fixture(scope="module")
def basic(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The results of the basic launcher."""
    return finished_sweep(tmp_path_factory.mktemp("basic"), *SWEEP)


@pytest.mark.slow
@pytest.mark.cluster
def test_jobs_of_slurm_give_the_same_tables(tmp_path: Path, basic: Path) -> None:
    needs_slurm()
    done = command(tmp_path, *SWEEP, "hydra/launcher=slurm", "hydra.sweep.dir=out")
    assert done.returncode == 0, done.stderr
    assert "deprecated" not in done.stderr
    assert_same(basic, tmp_path / "out", tolerance=PACK_TOLERANCE)


TWO_WORKERS = {"joblib": ["hydra.launcher.n_jobs=2"], "ray": []}
"""On a single core joblib would start none, and run the jobs in the command's own process."""

KILL = """
import os, pathlib
class Streams(module.Streams):
    def draw(self, *args, **named):
        if self.seq_len == 8 and {who} in self.seeds and ({always} or not pathlib.Path({mark!r}).exists()):
            pathlib.Path({mark!r}).touch()
            os.kill(os.getpid(), 9)
        return super().draw(*args, **named)
module.Streams = Streams
"""


def killing(seed: int, mark: Path, always: bool) -> str:
    """Code that kills the process which trains the shorter run of a seed; ``mark`` is there when it has."""
    return when_imported("harness.training.building", KILL.format(who=seed, mark=str(mark), always=always))


@pytest.mark.slow
@pytest.mark.cluster
@pytest.mark.parametrize("launcher", ["joblib", "ray"])
def test_workers_give_the_same_tables_even_where_one_is_killed(tmp_path: Path, basic: Path, launcher: str) -> None:
    needs(f"hydra_{launcher}_launcher", launcher)
    code = killing(1, tmp_path / "killed", always=False)
    done = command(
        tmp_path, *SWEEP, f"hydra/launcher={launcher}", *TWO_WORKERS[launcher], "hydra.sweep.dir=out",
        code=code,
    )  # fmt: skip
    assert (tmp_path / "killed").exists()
    assert done.returncode == 0, done.stderr
    assert "deprecated" not in done.stderr
    assert_same(basic, tmp_path / "out", tolerance=PACK_TOLERANCE)


@pytest.mark.slow
def test_a_run_that_kills_its_worker_every_time_is_isolated(tmp_path: Path, basic: Path) -> None:
    needs("hydra_joblib_launcher", "joblib")
    code = killing(1, tmp_path / "killed", always=True)
    sweep = [*SWEEP, "hydra/launcher=joblib", *TWO_WORKERS["joblib"], "hydra.sweep.dir=out"]
    done = command(tmp_path, *sweep, code=code)
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    runs = harness.load(tmp_path / "out").runs
    assert runs.set_index(["seq_len", "seed"]).status.to_dict() == {
        (8, 0): "ok", (8, 1): "failed", (9, 0): "ok", (9, 1): "ok"
    }  # fmt: skip
    assert runs.reason.dropna().str.contains("SIGKILL|terminated").all()
    again = command(tmp_path, "resume=out", "hydra/launcher=basic")  # which takes the pool's settings with it
    assert again.returncode == 0, again.stderr
    assert_same(basic, tmp_path / "out", tolerance=PACK_TOLERANCE)


@pytest.mark.parametrize("launcher", ["joblib", "ray", "slurm"])
def test_a_launcher_that_is_not_installed_says_how_to_install_it(tmp_path: Path, launcher: str) -> None:
    code = (
        "import sys, importlib.util as u\n"
        "plain = u.find_spec\n"
        "u.find_spec = lambda name, *a: None if name.startswith('hydra_plugins.') else plain(name, *a)\n"
        "sys.modules['hydra_plugins'] = None\n"
    )
    done = command(tmp_path, f"hydra/launcher={launcher}", code=code, fresh=True)  # a fork has found them already
    assert done.returncode == 1
    assert done.stderr.strip().splitlines()[-1].endswith(f"pip install '.[{launcher}]'")
