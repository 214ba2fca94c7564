"""What MLflow was given, read back through its own client: from a file, and from a server."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import pytest

from harness.report.build import build
from harness.sweeping.provenance import sweep_id
from harness.tables.tables import Tables
from harness.trackers import track, tracker
from tests.helpers.sweeps import QUICK, command
from tests.trackers.conftest import logged

pytestmark = pytest.mark.skipif(find_spec("mlflow") is None, reason="needs MLflow: pip install '.[mlflow]'")


def test_mlflow_reads_curves_settings_and_the_report(
    tmp_path: Path, tables: Tables, monkeypatch: pytest.MonkeyPatch
) -> None:
    from mlflow import MlflowClient

    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    for _ in range(2):  # logging again changes nothing
        assert logged("mlflow", tmp_path, tables) == f"mlflow ui --backend-store-uri sqlite:///{tmp_path / 'mlflow.db'}"
    client = MlflowClient(f"sqlite:///{tmp_path / 'mlflow.db'}")
    experiment = client.get_experiment_by_name(f"{tmp_path.parent.name}/{tmp_path.name} {sweep_id(tmp_path)}")
    found = {run.data.tags.get("run_id"): run for run in client.search_runs([experiment.experiment_id])}
    assert len(client.search_runs([experiment.experiment_id])) == len(tables.runs) + 1
    first = tables.runs.iloc[0]
    run = found[first.run_id]
    assert run.info.status == "FINISHED"
    assert run.data.params["cell"] == "rnn"
    assert float(run.data.params["weight_scale"]) == 0.9
    assert run.data.metrics["accuracy"] == first.accuracy
    assert run.data.tags["status"] == "ok"
    own = tables.curves[tables.curves.run_id == first.run_id]
    points = [(point.step, point.value) for point in client.get_metric_history(run.info.run_id, "curve/accuracy")]
    assert sorted(points) == list(own[["step", "accuracy"]].itertuples(index=False, name=None))
    files = {each.path for each in client.list_artifacts(found[None].info.run_id)}
    assert files == {"report.html", "report.md", "figures"}


@pytest.fixture(scope="module")
def empty_store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store without runs, to be copied: MLflow makes its tables by all changes that there ever were, for seconds."""
    from mlflow import MlflowClient

    path = tmp_path_factory.mktemp("store") / "mlflow.db"
    MlflowClient(f"sqlite:///{path}").search_experiments()
    return path


def test_a_run_that_failed_or_was_pruned_is_logged_as_such_and_again_when_it_is_done(
    tmp_path: Path, tables: Tables, empty_store: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from mlflow import MlflowClient

    shutil.copy(empty_store, tmp_path)
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    failed = tables.runs.status.mask(tables.runs.seed == 1, "failed")
    early = tables.runs.assign(status=failed.where(failed != "failed", "pruned"))
    statuses = []
    for runs in (tables.runs.assign(status=failed), early, tables.runs):
        logged("mlflow", tmp_path, Tables({**tables, "runs": runs}))
        client = MlflowClient(f"sqlite:///{tmp_path / 'mlflow.db'}")
        experiment = client.get_experiment_by_name(f"{tmp_path.parent.name}/{tmp_path.name} {sweep_id(tmp_path)}")
        found = [run for run in client.search_runs([experiment.experiment_id]) if "run_id" in run.data.tags]
        statuses.append(sorted(run.info.status for run in found))
    assert statuses == [["FAILED", "FINISHED", "FINISHED"], ["FINISHED", "FINISHED", "KILLED"], ["FINISHED"] * 3]


def test_null_lists_and_infinity_can_be_told_from_numbers_in_mlflow(
    tmp_path: Path, odd: Tables, empty_store: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from mlflow import MlflowClient

    shutil.copy(empty_store, tmp_path)
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    logged("mlflow", tmp_path, odd)
    client = MlflowClient(f"sqlite:///{tmp_path / 'mlflow.db'}")
    experiment = client.get_experiment_by_name(f"{tmp_path.parent.name}/{tmp_path.name} {sweep_id(tmp_path)}")
    found = {run.data.tags.get("run_id"): run.data for run in client.search_runs([experiment.experiment_id])}
    first, second = (found[run_id] for run_id in odd.runs.run_id)
    keys = ("train.clip_norm", "experiment.sizes", "experiment.most")
    assert [first.params[key] for key in keys] == ["null"] * 3
    assert [second.params[key] for key in keys] == ["1.0", "[1, 2]", "3"]
    assert (first.tags["horizon"], first.tags["decay_rate"]) == ("inf", "-inf")
    assert "horizon" not in first.metrics
    assert (second.metrics["horizon"], second.metrics["decay_rate"]) == (4.0, -0.1)
    assert "horizon" not in second.tags


def test_mlflow_sends_nothing_home_and_leaves_the_environment_alone() -> None:
    code = (
        "import os; before = dict(os.environ); import harness.trackers.mlflow; "
        "from mlflow.telemetry import get_telemetry_client; "
        "print(dict(os.environ) == before, get_telemetry_client())"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=120)
    assert done.stdout.split() == ["True", "None"]


def free_port() -> int:
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        return int(bound.getsockname()[1])


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of an MLflow server of its own."""
    if find_spec("flask") is None or find_spec("flask_cors") is None:
        pytest.skip("MLflow's server needs flask and flask-cors")
    home, port = tmp_path_factory.mktemp("server"), free_port()
    words = ["--host", "127.0.0.1", "--port", str(port), "--workers", "1"]
    stores = ["--backend-store-uri", f"sqlite:///{home}/mlflow.db", "--artifacts-destination", str(home / "artifacts")]
    process = subprocess.Popen(
        [sys.executable, "-m", "mlflow", "server", *words, *stores],
        cwd=home,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    end = time.monotonic() + 90
    with socket.socket() as tried:
        while tried.connect_ex(("127.0.0.1", port)):
            assert process.poll() is None
            assert time.monotonic() < end, "waited in vain"
            time.sleep(0.2)
    yield f"http://127.0.0.1:{port}"
    os.killpg(process.pid, 15)
    process.wait(timeout=60)


@pytest.mark.slow
def test_sweeps_in_folders_of_equal_names_do_not_touch_each_other_on_one_server(
    server: str, tmp_path: Path, tables: Tables, monkeypatch: pytest.MonkeyPatch
) -> None:
    from mlflow import MlflowClient

    monkeypatch.setenv("MLFLOW_TRACKING_URI", server)
    client = MlflowClient(server)
    for place in ("here", "there"):
        folder = tmp_path / place / "dish" / "today"
        folder.mkdir(parents=True)
        shutil.copytree(tmp_path / "figures", folder / "figures")
        build(folder, tables)
        logged("mlflow", folder, tables)
    here, there = (each for each in client.search_experiments() if each.name.startswith("dish/today "))
    own = client.create_run(here.experiment_id, run_name="mine").info.run_id
    before = {run.info.run_id for run in client.search_runs([there.experiment_id])}
    for place in ("here", "there"):
        logged("mlflow", tmp_path / place / "dish" / "today", tables)
    assert client.get_run(own).info.lifecycle_stage == "active"
    for experiment in (here, there):
        ours = [run for run in client.search_runs([experiment.experiment_id]) if "harness.sweep" in run.data.tags]
        assert len(ours) == len(tables.runs) + 1  # and the report
    after = {run.info.run_id for run in client.search_runs([there.experiment_id])}
    assert len(before & after) == len(tables.runs)


@pytest.mark.slow
def test_a_server_that_is_not_there_is_given_up_after_seconds_and_can_be_logged_to_later(
    server: str, tmp_path: Path
) -> None:
    """How long one that says nothing is waited for is the matter of the next test."""
    from mlflow import MlflowClient

    words = [*QUICK, "train.steps=1", "probe.every=1", "tracker=mlflow", "hydra.run.dir=out"]
    done = command(tmp_path, *words, MLFLOW_TRACKING_URI=f"http://127.0.0.1:{free_port()}")
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == "out/report.html"
    last = done.stderr.splitlines()[-1]
    assert last.startswith("tracker=mlflow: not logged (")
    assert last.endswith("to log them later:  python -m harness.report out tracker=mlflow")
    later = command(tmp_path, "out", "tracker=mlflow", module="harness.report", MLFLOW_TRACKING_URI=server)
    assert later.returncode == 0, later.stderr
    assert later.stdout.splitlines()[-1] == "out/report.html"
    client = MlflowClient(server)
    (experiment,) = (each for each in client.search_experiments() if each.name.endswith(sweep_id(tmp_path / "out")))
    assert len(client.search_runs([experiment.experiment_id])) == 2


def test_the_first_word_to_a_server_is_given_up_after_five_seconds(
    tmp_path: Path, tables: Tables, monkeypatch: pytest.MonkeyPatch
) -> None:
    from harness.trackers.mlflow import AT_FIRST

    assert AT_FIRST["MLFLOW_HTTP_REQUEST_TIMEOUT"] == "5"
    monkeypatch.setitem(AT_FIRST, "MLFLOW_HTTP_REQUEST_TIMEOUT", "1")  # as good, and quicker
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        monkeypatch.setenv("MLFLOW_TRACKING_URI", f"http://127.0.0.1:{silent.getsockname()[1]}")
        begun = time.monotonic()
        said = track(tracker("mlflow"), tmp_path, tables)
    assert 1 <= time.monotonic() - begun < 16
    assert said.startswith("tracker=mlflow: not logged (")
    assert len(said.splitlines()) == 1


def test_a_report_that_is_rebuilt_can_be_logged(tmp_path: Path) -> None:
    done = command(tmp_path, "out", "tracker=mlfow", module="harness.report")
    assert done.returncode == 1
    assert "tracker=mlfow: unknown tracker (did you mean 'mlflow'?)" in done.stderr
