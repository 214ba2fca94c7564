"""Jobs on GPUs: how many run at a time, and what is asked of a cluster for them."""

from __future__ import annotations

from typing import Any

import pytest
from omegaconf import OmegaConf

from harness.command_line import sweeper
from harness.command_line.launchers import joblib
from harness.command_line.launchers.asked import asks_for_gpus
from harness.command_line.launchers.joblib import JoblibLauncher, PlainJoblibLauncher

ON_GPU = [["cell=rnn", "device=cuda"], ["cell=gru", "device=cuda"], ["cell=lstm", "device=cuda"]]

SHARED = "3 jobs share 2 GPUs: they take turns, unless MPS runs; hydra.launcher.n_jobs=2 gives each one of its own\n"


@pytest.mark.parametrize(
    ("jobs", "device", "asks"),
    [
        (ON_GPU, "cpu", True), ([["device='cuda:1'"]], "cpu", True), ([["+device=cuda"]], "cpu", True),
        ([["device=cpu"], ["device=cuda"]], "cpu", True), ([["device=cpu"]], "cuda", False),
        ([["seed=0"]], "cpu", False), ([["seed=0"]], "cuda", True),
    ],
)  # fmt: skip
def test_jobs_say_by_their_device_whether_they_need_a_gpu(jobs: list[list[str]], device: str, asks: bool) -> None:
    assert asks_for_gpus(OmegaConf.create({"device": device}), jobs) is asks


@pytest.fixture
def launched(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """With how many workers joblib was told to launch, on a machine with two GPUs."""
    found: list[int] = []

    def launch(self: PlainJoblibLauncher, job_overrides: Any, initial_job_idx: int) -> list[Any]:
        found.append(self.joblib["n_jobs"])
        return []

    monkeypatch.setattr(PlainJoblibLauncher, "launch", launch)
    monkeypatch.setattr(joblib, "gpu_count", lambda: 2)
    return found


@pytest.mark.parametrize(
    ("jobs", "asked", "workers", "said"),
    [
        (ON_GPU, -1, 2, ""), (ON_GPU, 1, 1, ""), (ON_GPU, 2, 2, ""), ([["device=cpu"]], -1, -1, ""),
        (ON_GPU, 8, 8, SHARED),
    ],
)  # fmt: skip
def test_there_are_as_many_workers_as_gpus_and_where_more_are_wanted_it_is_said(
    launched: list[int], capsys: pytest.CaptureFixture[str], jobs: list[list[str]], asked: int, workers: int, said: str
) -> None:
    JoblibLauncher(n_jobs=asked).launch(jobs, 0)
    assert launched == [workers]
    assert capsys.readouterr().err == said


@pytest.mark.parametrize(("workers", "sharing"), [(-1, 1), (1, 1), (2, 1), (3, 2), (8, 4)])
def test_the_memory_of_a_gpu_is_divided_among_the_jobs_that_share_it(
    monkeypatch: pytest.MonkeyPatch, workers: int, sharing: int
) -> None:
    monkeypatch.setattr(sweeper, "gpu_count", lambda: 2)
    config = OmegaConf.create({"hydra": {"launcher": {"n_jobs": workers}}})
    assert sweeper.side_by_side(config, "cuda") == sharing
    assert sweeper.side_by_side(config, "cpu") == (workers if workers > 0 else sweeper.os.cpu_count())


@pytest.mark.parametrize(
    ("params", "gpus"),
    [
        ({}, 1), ({"gpus_per_node": 4}, 4), ({"gres": "gpu:a100:1"}, None),
        ({"additional_parameters": {"gpus": 2}}, None), ({"additional_parameters": {"comment": "x"}}, 1),
    ],
)  # fmt: skip
def test_a_slurm_job_on_a_gpu_asks_for_one_where_nobody_says_how_many(params: dict[str, Any], gpus: int | None) -> None:
    pytest.importorskip("hydra_plugins.hydra_submitit_launcher", reason="pip install '.[slurm]'")
    from harness.command_line.launchers.slurm import SlurmLauncher

    made = object.__new__(SlurmLauncher)
    made.params, made.config = {"gpus_per_node": None, **params}, None
    made.ask_for_gpus(ON_GPU)
    assert made.params["gpus_per_node"] == gpus
    made.params["gpus_per_node"] = None
    made.ask_for_gpus([["device=cpu"]])
    assert made.params["gpus_per_node"] is None


def test_a_task_of_ray_on_a_gpu_asks_for_one(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("hydra_plugins.hydra_ray_launcher", reason="pip install '.[ray]'")
    from harness.command_line.launchers.ray import RayLauncher

    made = object.__new__(RayLauncher)
    made.config = None
    made.ray_cfg = OmegaConf.create({"remote": {"num_cpus": 1}})
    OmegaConf.set_struct(made.ray_cfg, True)
    made.ask_for_gpus([["device=cpu"]])
    assert "num_gpus" not in made.ray_cfg.remote
    made.ask_for_gpus(ON_GPU)
    assert made.ray_cfg.remote.num_gpus == 1
    made.ray_cfg.remote.num_gpus = 0.5  # two jobs a GPU: somebody has said so
    made.ask_for_gpus(ON_GPU)
    assert made.ray_cfg.remote.num_gpus == 0.5
